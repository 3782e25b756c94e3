/**
 * Whether a value is short as text, found out without writing it. Pure.
 *
 * A small value can make a large text: an object that occurs twice is written twice, at every level, and an array can
 * be long without having anything in it. Values from outside are measured here before they are written.
 */
import { types } from 'node:util';
import { MAX_LEVELS } from './clone-survey.ts';

/**
 * Whether a value takes at the most about so many characters as JSON; `false`, too, for one that cannot be read.
 *
 * What is in a `Map` or `Set` takes none: JSON has no text for it.
 */
export function isShortAsText(value: unknown, characters: number): boolean {
  try {
    return new TextMeasure(characters).fits(value, MAX_LEVELS);
  } catch {
    return false;
  }
}

/** Whether a value is known to take more; `false`, too, for one that cannot be read. */
export function isLongAsText(value: unknown, characters: number): boolean {
  try {
    return !new TextMeasure(characters).fits(value, MAX_LEVELS);
  } catch {
    return false;
  }
}

/** What stands for a number, a word, or a pair of brackets. */
const TOKEN = 8;

class TextMeasure {
  #left: number;

  constructor(characters: number) {
    this.#left = characters;
  }

  fits(value: unknown, levels: number): boolean {
    if (typeof value === 'string') return this.#takes(value.length + 2);
    if (typeof value === 'bigint') return this.#takes(BigInt.asIntN(64, value) === value ? TOKEN : Infinity);
    if (typeof value !== 'object' || value === null) return this.#takes(TOKEN);
    if (levels === 0 || !this.#takes(TOKEN)) return false;
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
      return this.#takes(value.byteLength * TOKEN);
    }
    if (Array.isArray(value)) {
      if (!this.#takes(value.length)) return false;
      for (const item of value as unknown[]) if (!this.fits(item, levels - 1)) return false;
      return true;
    }
    for (const key in value) {
      if (!this.#takes(key.length)) return false;
      if (!this.fits((value as Record<string, unknown>)[key], levels - 1)) return false;
    }
    return true;
  }

  #takes(characters: number): boolean {
    this.#left -= characters;
    return this.#left >= 0;
  }
}
