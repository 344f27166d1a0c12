import type { Fly } from '../fly.ts';
import type { AppSecrets, FlyPlan } from '../plan.ts';
import { planMachine } from '../plan.ts';
import type { Patience } from '../plan-outside.ts';
import { planCallFromRelay } from '../plan-outside.ts';
import type { Step } from '../step.ts';
import type { Computer } from './computer.ts';

/** A computer with the secrets that its steps set. */
export type PlannedComputer = { computer: Computer; later: AppSecrets['values'] };

/**
 * The steps to computers beside the first one, which has come up before: it has the settings that
 * Fly does not return, and is the first home. Each computer is called once from the relay, which
 * starts it: so its home registers, and is known before anybody needs it.
 */
export function planComputers(
  plan: FlyPlan,
  computers: readonly PlannedComputer[],
  patience: Patience,
): Step[] {
  return computers.flatMap(({ computer: { home, app }, later }) => [
    ...planMachine(plan, { app, values: later }),
    {
      ...planCallFromRelay(plan, { app, url: `http://${app}.flycast/health` }, patience),
      what: `the relay reaches ${app}, the home “${home}”`,
    },
  ]);
}

/**
 * Reads variables of an app's machine, all in one call: Fly does not return the values of secrets.
 * They come through fly's own encrypted connection and are not shown. Rejects for a variable that
 * the machine does not have.
 */
export function createEnvironmentReader(fly: Fly, app: string): (name: string) => Promise<string> {
  let text: Promise<string> | undefined;
  return async (name) => {
    text ??= fly.run(['ssh', 'console', '--app', app, '--quiet', '--command', 'printenv']);
    const value = new RegExp(`^${name}=(.*?)\r?$`, 'm').exec(await text)?.[1];
    if (value !== undefined) return value;
    throw new Error(
      `${app} has ${name} and its machine does not say it. Put it into the environment or a file .env, and run again.`,
    );
  };
}
