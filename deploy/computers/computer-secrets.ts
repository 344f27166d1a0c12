import { variables } from '../../shared/runtime/env.ts';
import type { Answers } from '../answers.ts';
import { fromFirst, makeSecret } from '../secret-plan.ts';
import type { SecretPlan, SecretValue } from '../secret-plan.ts';
import type { Computer } from './computer.ts';

export type ComputerSecretNeeds = {
  computer: Computer;
  /** What this run sets on the first computer, and the names of what it has already. */
  first: { toSet: SecretPlan['toSet']['vm']; have: ReadonlySet<string> };
  /** The names of this computer's secrets; undefined while it does not exist. */
  have: ReadonlySet<string> | undefined;
  answers: Answers;
  renew: ReadonlySet<string>;
  /** Generates a secret; random outside of tests. */
  make?: () => string;
};

/** `ahead` come before the secrets of the three apps (planFly), `later` with the computer's other steps. */
export type ComputerSecrets = {
  ahead: Record<string, SecretValue>;
  later: Record<string, SecretValue>;
};

/** What each computer has of its own. */
const own = new Set(['HOME_NAME', 'WAKE_ADDRESS', 'WAKE_SECRET']);

/**
 * Plans the secrets of a computer beside the first one: its home's name, its wake address and
 * secret, and every setting that the first one has.
 */
export function planComputerSecrets({
  computer: { home, app },
  first,
  have,
  answers,
  renew,
  make = makeSecret,
}: ComputerSecretNeeds): ComputerSecrets {
  const lacks = (name: string): boolean => !have?.has(name);
  const later: ComputerSecrets['later'] = {};
  if (lacks('HOME_NAME')) later['HOME_NAME'] = home;
  if (lacks('WAKE_ADDRESS')) later['WAKE_ADDRESS'] = `http://${app}.flycast`;
  if (lacks('WAKE_SECRET') || renew.has('WAKE_SECRET')) later['WAKE_SECRET'] = make();
  for (const name of new Set([...first.have, ...Object.keys(first.toSet)])) {
    if (own.has(name) || !(name in variables)) continue;
    const value = first.toSet[name];
    if (value !== undefined) later[name] = value;
    else if (lacks(name)) later[name] = answers[name as keyof Answers] ?? fromFirst;
  }
  const { REDIS_URL: address, ...rest } = later;
  // A new address of Redis must not miss a computer: see planFly.
  return address !== undefined && !lacks('REDIS_URL')
    ? { ahead: { REDIS_URL: address }, later: rest }
    : { ahead: {}, later };
}
