import { SetupError } from '../../shared/runtime/errors.ts';
import { WrongUsage } from '../../shared/runtime/command-line.ts';
import type { Asking } from '../asking.ts';
import { findExisting, findNames } from '../prompts.ts';
import { findComputers } from '../computers/computer.ts';
import type { Computer } from '../computers/computer.ts';
import { formatCommand } from '../fly.ts';
import type { Fly } from '../fly.ts';
import { createFlyAccount } from '../fly-account.ts';
import type { Names } from '../names.ts';
import { runSteps, showSteps } from '../step.ts';
import type { Step } from '../step.ts';
import type { TeardownOptions } from './options.ts';
import { planDestroy } from './teardown.ts';
import type { TeardownDeps } from './teardown.ts';

/**
 * Takes one computer away once its people have moved to others: nothing is destroyed while anybody
 * has files on it, unless that is forced. Throws SetupError when there is no such computer or it is
 * unconfirmed, StepFailed when a step fails, WrongUsage.
 */
export async function takeComputerAway(
  home: string,
  options: TeardownOptions,
  { fly, asking, say }: Pick<TeardownDeps, 'fly' | 'asking' | 'say'>,
): Promise<void> {
  const existing = await findExisting(createFlyAccount(fly));
  const names = findNames(options.prefix, existing);
  const computers = names ? findComputers(names, existing.apps.keys()) : [];
  const computer = computers.find((one) => one.home === home);
  if (!names || !computer) throw new WrongUsage(explainMissing(home, computers));
  const steps = [
    ...(options.force ? [] : [planDrain(fly, names, home)]),
    planDestroy(fly, computer.app),
  ];
  say(
    options.force
      ? `This destroys ${computer.app} with its volume and moves no one: the files of its people are lost for good, except for what a snapshot holds (SNAPSHOT_REPOSITORY), and their messages wait until they have another computer.`
      : `This moves the people of “${home}” to other computers, and then destroys ${computer.app} with its volume.`,
  );
  if (options.dryRun) return void (await showSteps(steps, true, say));
  await confirm(home, options, asking);
  await runSteps(steps, say);
  say(`\nThe computer “${home}” is gone.`);
}

function explainMissing(home: string, computers: readonly Computer[]): string {
  const known = computers.map((computer) => computer.home).join(', ');
  return `There is no computer “${home}” beside the first one${known ? `; there are: ${known}` : ''}. The first one goes with the whole system, without --vm.`;
}

/** Runs on the relay's machine, which reaches Redis; the workers do the moving. */
function planDrain(fly: Fly, { relay }: Names, home: string): Step {
  const inside = `node relay/people/main.ts drain ${home}`;
  const drain = ['ssh', 'console', '--app', relay, '--quiet', '--command', inside];
  return {
    what: `“${home}” holds no one’s files any more`,
    takes: [formatCommand(drain)],
    isDone: async () => false,
    async run() {
      await fly.run(drain, { show: true }).catch((error: unknown) => {
        throw new Error(
          `${error instanceof Error ? error.message : String(error)}\nNothing was destroyed. Mend that and run it again; or, with --force, the computer goes with what its people have on it.`,
          { cause: error },
        );
      });
    },
  };
}

async function confirm(
  home: string,
  { yes }: TeardownOptions,
  asking: Asking | undefined,
): Promise<void> {
  if (yes) return;
  if (!asking)
    throw new SetupError('Nothing was destroyed: confirmation needs a terminal. Say --yes.');
  await asking.text(`Type ${home} to take it away`, {
    judge: (value) =>
      value === home ? undefined : `must be ${home}; Ctrl-C leaves everything as it is`,
  });
}
