import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  array,
  assert,
  constantFrom,
  nat,
  oneof,
  property,
  record,
  string,
  stringMatching,
  subarray,
} from 'fast-check';
import { expect, test } from 'vitest';
import { findPrefixes, namesFor, roles } from '../../deploy/names.ts';
import type { Role } from '../../deploy/names.ts';
import { formatImport, planSecrets } from '../../deploy/secret-plan.ts';
import { decided, passedOn, readersOf, settings } from '../../deploy/settings.ts';
import { variables } from '../../shared/runtime/env.ts';
import { parseSecrets } from '../support/fake-fly.ts';

const names = namesFor('sidepocket-test');
const values = { TWILIO_AUTH_TOKEN: 'token', ANTHROPIC_API_KEY: 'key' };

test('every variable of the system is the owner’s, passed on, or decided by the deployment', () => {
  const known = [...settings.map(({ name }) => name), ...Object.keys(passedOn), ...decided];
  expect(known.toSorted()).toEqual(Object.keys(variables).toSorted());
});

/** The text for the import; undefined when it is refused. */
function tryFormat(secrets: Record<string, string>): string | undefined {
  try {
    return formatImport(secrets);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

test('what is written for the import is read back as it was, or refused', () => {
  const sign = oneof(
    constantFrom('"', "'", '#', '=', ' ', '\\', '$', '\n', '\r', 'a'),
    string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  );
  const secret = oneof(
    { weight: 3, arbitrary: string({ unit: sign, minLength: 1, maxLength: 12 }) },
    stringMatching(/^["'# =a]{1,12}$/),
  );
  let [kept, refused] = [0, 0];
  assert(
    property(stringMatching(/^[A-Z_]{1,12}$/), secret, (name, value) => {
      const text = tryFormat({ [name]: value });
      if (text === undefined) refused += 1;
      else kept += 1;
      expect(text === undefined ? value : parseSecrets(text)[name]).toBe(value);
      expect(text === undefined && !/[\r\n#]/.test(value)).toBe(false);
    }),
    { numRuns: 3000, seed: 7 },
  );
  expect([kept > 300, refused > 300]).toEqual([true, true]);
  expect(() => formatImport({ NAME: 'top\nsecret' })).toThrow(/^NAME has a line break[^t]*t[^o]/);
});

test('each process is given all that it reads', () => {
  const files = { relay: 'relay/config.ts', vm: 'worker/config.ts' };
  for (const [role, file] of Object.entries(files)) {
    const text = readFileSync(path.join(import.meta.dirname, '..', '..', file), 'utf8');
    const read = Object.keys(variables).filter(
      (name) => text.includes(` v.${name}.`) || text.includes(` v.${name},`),
    );
    const given = Object.keys(variables).filter((name) =>
      readersOf(name as keyof typeof variables).includes(role as Role),
    );
    expect(read.length).toBeGreaterThan(10);
    expect(given, `what ${role} is given`).toEqual(
      expect.arrayContaining(
        read.filter((name) => !decided.includes(name as keyof typeof variables)),
      ),
    );
  }
});

test('what the plan makes at random is refused by nobody', () => {
  const { toSet } = planSecrets({
    names,
    publicUrl: 'https://x',
    redis: { kind: 'own' },
    have: { redis: new Set(), relay: new Set(), vm: new Set() },
    values,
    renew: new Set(),
  });
  expect(new URL(String(toSet.vm['REDIS_URL'])).password).toBe(toSet.redis['REDIS_PASSWORD']);
  for (const role of roles)
    expect(parseSecrets(formatImport(toSet[role] as Record<string, string>))).toEqual(toSet[role]);
});

test('whatever is missing, and wherever runs are cut off, the apps agree when a run ends', () => {
  const all: Record<Role, string[]> = {
    redis: ['REDIS_PASSWORD'],
    relay: ['REDIS_URL', 'WAKE_SECRET'],
    vm: ['REDIS_URL', 'WAKE_SECRET'],
  };
  const gaps = record({
    redis: subarray(all.redis),
    relay: subarray(all.relay),
    vm: subarray(all.vm),
  });
  assert(
    property(
      gaps,
      array(nat({ max: 3 }), { maxLength: 4 }),
      subarray(['PUBLIC_URL', 'ADMIN_PASSWORD']),
      (lacks, cuts, others) => {
        let made = 0;
        const have: Record<Role, Map<string, string>> = {
          redis: new Map(),
          relay: new Map(),
          vm: new Map(),
        };
        for (const role of roles)
          for (const name of all[role])
            if (!lacks[role].includes(name))
              have[role].set(
                name,
                name === 'REDIS_PASSWORD'
                  ? 'first'
                  : name === 'WAKE_SECRET'
                    ? 'wake'
                    : `redis://default:first@${names.redis}.internal:6379`,
              );
        for (const name of others) have.relay.set(name, 'there');
        for (const cut of [...cuts, 3]) {
          const { toSet, order } = planSecrets({
            names,
            publicUrl: 'https://x',
            redis: { kind: 'own' },
            values: {},
            renew: new Set(),
            have: {
              redis: new Set(have.redis.keys()),
              relay: new Set(have.relay.keys()),
              vm: new Set(have.vm.keys()),
            },
            make: () => `made${(made += 1)}`,
          });
          for (const role of order.slice(0, cut))
            for (const [name, value] of Object.entries(toSet[role]))
              have[role].set(name, String(value));
        }
        expect(have.relay.get('WAKE_SECRET')).toBe(have.vm.get('WAKE_SECRET'));
        expect(have.relay.get('REDIS_URL')).toBe(
          `redis://default:${have.redis.get('REDIS_PASSWORD')}@${names.redis}.internal:6379`,
        );
        expect(have.vm.get('REDIS_URL')).toBe(have.relay.get('REDIS_URL'));
      },
    ),
    { numRuns: 2000, seed: 7 },
  );
});

test('systems are found by their names', () => {
  expect(
    findPrefixes([
      'sidepocket-relay',
      'sidepocket-vm',
      'sidepocket-b2-vm',
      'other-relay',
      'mysidepocket-vm',
      'sidepocket-b2',
    ]),
  ).toEqual(['sidepocket', 'sidepocket-b2']);
  for (const wrong of ['', 'Ab', '-ab', 'ab-', 'a_b', 'x'.repeat(57)])
    expect(() => namesFor(wrong)).toThrow(RangeError);
});
