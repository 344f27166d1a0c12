import { createBlank } from './blanking.ts';
import type { Blank, NamedSecret } from './blanking.ts';

/**
 * What is blanked: each person's secrets in what that person gets to see, and everybody's in the
 * log. A value that was replaced or removed stays blanked until the worker ends, since Claude may
 * still know it.
 */
export type Hidden = {
  /** Adds a person's secrets. */
  add(person: string, secrets: readonly NamedSecret[]): void;
  /** Blanks a person's secrets in a text. */
  blankFor(person: string): Blank;
  /** Blanks everybody's secrets in a text. */
  blankAll: Blank;
};

/** How many values are remembered of a person, beyond which the oldest are forgotten. */
const most = 200;

export function createHidden(): Hidden {
  const known = new Map<string, { secrets: NamedSecret[]; blank: Blank }>();
  const unchanged: Blank = (text) => text;
  return {
    add(person, secrets) {
      const before = known.get(person)?.secrets ?? [];
      const fresh = secrets.filter(
        ({ name, value }) => !before.some((one) => one.name === name && one.value === value),
      );
      if (fresh.length === 0) return;
      const all = [...before, ...fresh].slice(-most);
      known.set(person, { secrets: all, blank: createBlank(all) });
    },
    blankFor: (person) => (text, isPiece) => (known.get(person)?.blank ?? unchanged)(text, isPiece),
    blankAll(text) {
      let blanked = text;
      for (const { blank } of known.values()) blanked = blank(blanked);
      return blanked;
    },
  };
}
