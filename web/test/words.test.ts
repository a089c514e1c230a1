/** No module of the page says anything by itself: its words stand in the messages, in every language. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));

/** What is the same in every language: names, units, keys, an example of the filters' grammar; and keys of messages. */
const ALLOWED = new Set([
  "lookalike",
  "PDF",
  "JSON",
  "HU",
  "Enter",
  "Modality=CR and not label=effusion",
  "along columns",
  "along rows",
]);
const SAID = "aria-label|aria-description|title|alt|label|placeholder|what|words";
const PATTERNS = [
  // an attribute that people read: title="Words", label={`Words ${x}`}
  new RegExp(`\\s(?:${SAID})="([^"]*)"`, "g"),
  new RegExp(`\\s(?:${SAID})=\\{\`([^\`]*)\``, "g"),
  // either side of a choice between two texts, in an attribute or in what is shown
  /[{?:] "([^"]*\s[^"]*)"(?=\s*[:}])/g,
  /\bsay\(\s*["`]([^"`]*)/g,
  /new Error\(\s*["`]([^"`]*)/g,
];

/** The texts between tags: what a person would read of the code, without expressions. */
function between(code: string): string[] {
  const shown = [...code.matchAll(/(?<=[^=<\s]|\/)>([^<>{}();=]*[A-Za-z][^<>{}();=]*)(?=<\/|<[a-z]|\{)/g)];
  return shown.map(([, text]) => text!.trim());
}

const withoutComments = (code: string): string => code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
const isSaid = (text: string): boolean => /[A-Za-z]{2}/.test(text.replace(/\$\{[^}]*\}/g, "")) && !ALLOWED.has(text);

function saidBy(file: string): string[] {
  const code = withoutComments(file);
  return [...PATTERNS.flatMap((one) => [...code.matchAll(one)].map(([, text]) => text!.trim())), ...between(code)].filter(
    isSaid,
  );
}

const modules = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
  (name) => /\.tsx$/.test(name) && !name.startsWith("messages"),
);

it("finds texts in attributes, between tags, in choices and in notices", () => {
  expect(saidBy('<p title="Go on">{x}</p>')).toEqual(["Go on"]);
  expect(saidBy('<button aria-label={`Remove ${name}`} onClick={go}>x</button>')).toEqual(["Remove ${name}"]);
  expect(saidBy("<p class=\"note\">\n  Nothing here {count}.\n</p>")).toEqual(["Nothing here"]);
  expect(saidBy('{busy ? "At work" : "Start now"}')).toEqual(["At work", "Start now"]);
  expect(saidBy("say(`Saved ${count}.`)")).toEqual(["Saved ${count}."]);
  expect(saidBy("<p title={words.title}>{words.what}</p>")).toEqual([]);
});

it.each(modules)("%s says nothing by itself", (name) => {
  expect(saidBy(readFileSync(`${SOURCE}${name}`, "utf8"))).toEqual([]);
});
