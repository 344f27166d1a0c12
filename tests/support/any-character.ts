import { integer } from 'fast-check';

/**
 * Any Unicode character except surrogates, as fast-check's unit `binary`, whose table of them all
 * takes two seconds of processor time in each process.
 */
export const anyCharacter = integer({ min: 0, max: 0x10ffff - 0x800 }).map((place) =>
  String.fromCodePoint(place < 0xd800 ? place : place + 0x800),
);
