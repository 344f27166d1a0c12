import type { Section } from './section.ts';

/** Everything that is measured, in the order of the results. */
export const sections: Section[] = [];
