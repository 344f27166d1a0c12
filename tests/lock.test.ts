import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      link: z.boolean().optional(),
    }),
  ),
});

const { packages } = Lock.parse(
  JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'package-lock.json'), 'utf8')),
);
const installed = Object.entries(packages).filter(
  ([name, { version, link }]) => name !== '' && version !== undefined && !link,
);

test('the lock file names the content of every package for every platform', () => {
  expect(installed.length).toBeGreaterThan(300);
  expect(
    installed
      .filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))
      .map(([name]) => name),
  ).toEqual([]);
});

test('the lock file names no server that packages would have to come from', () => {
  expect(
    installed.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
  ).toEqual([]);
});
