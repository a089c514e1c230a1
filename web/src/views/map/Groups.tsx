/** The groups that show on the map, with what stands out in each and by how much; one that is chosen is taken. */
import { messages } from "../../messages";
import type { MapGroup } from "../../types";

interface Props {
  groups: readonly MapGroup[];
  onChoose: (group: MapGroup) => void;
}

export function Groups({ groups, onChoose }: Props) {
  const words = messages.value.map;
  if (groups.length === 0) return null;
  return (
    <section>
      <h3>{words.groups}</h3>
      <ul class="map-groups" data-testid="map-groups">
        {groups.map((group) => (
          <li key={group.number}>
            <button class="plain" data-testid="map-group" data-group={group.number} onClick={() => onChoose(group)}>
              <strong>{group.name || words.unnamed}</strong>
              <span class="note">
                {words.ofGroup(group.records, group.patients)}
                {group.traits.map((trait) => (
                  <span key={`${trait.field} ${trait.value}`}>
                    {words.trait(
                      trait.field === "label" ? trait.value : `${trait.field} ${trait.value}`,
                      trait.share,
                      trait.elsewhere,
                      trait.patients,
                    )}
                  </span>
                ))}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="note">{words.groupsNote}</p>
    </section>
  );
}
