/** Small things that every view uses. */
import type { ComponentChildren } from "preact";
import type { LucideIcon } from "lucide-preact";
import { messages } from "../messages";

export function Bar({ share, label }: { share: number; label: string }) {
  const percent = Math.max(0, Math.min(1, share)) * 100;
  return (
    <div class="bar" role="img" aria-label={label}>
      <i style={{ width: `${percent}%` }} />
    </div>
  );
}

/** At work, and nobody can tell how far: something moves, and nothing fills. */
export function BusyBar() {
  return (
    <div class="bar busy" role="progressbar" aria-label={messages.value.common.atWork} data-testid="busy-bar">
      <i />
    </div>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  options: readonly T[];
  chosen: T;
  onChoose: (option: T) => void;
  testid: string;
  disabled?: boolean;
  titles?: Readonly<Record<string, string>>;
  /** What stands on the buttons, where it is not the option itself. */
  names?: Readonly<Partial<Record<T, string>>>;
}

export function Segments<T extends string>(props: SegmentsProps<T>) {
  const { label, options, chosen, onChoose, testid, disabled = false, titles = {}, names } = props;
  return (
    <div class="segments" role="radiogroup" aria-label={label} data-testid={testid}>
      {options.map((option) => (
        <button
          key={option}
          role="radio"
          aria-checked={option === chosen}
          title={titles[option] ?? names?.[option] ?? option}
          disabled={disabled}
          data-testid={`${testid}-${option}`}
          onClick={() => onChoose(option)}
        >
          {names?.[option] ?? option}
        </button>
      ))}
    </div>
  );
}

export function Switch({
  label,
  on,
  onChange,
  testid,
}: {
  label: string;
  on: boolean;
  onChange: (on: boolean) => void;
  testid: string;
}) {
  return (
    <label class="switch">
      {label}
      <input
        type="checkbox"
        role="switch"
        checked={on}
        data-testid={testid}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    </label>
  );
}

export function Empty({
  icon: Icon,
  title,
  children,
  testid,
}: {
  icon: LucideIcon;
  title: string;
  children: ComponentChildren;
  testid: string;
}) {
  return (
    <section class="empty" data-testid={testid}>
      <Icon aria-hidden="true" />
      <h2>{title}</h2>
      {children}
    </section>
  );
}
