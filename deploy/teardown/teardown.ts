import type { Environment } from '../../shared/runtime/env.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { PhoneNumber } from '../../shared/runtime/phone-number.ts';
import { readEnvironment } from '../answers.ts';
import type { Asking } from '../asking.ts';
import { choosePublicUrl, findExisting, findNames } from '../prompts.ts';
import { findComputers } from '../computers/computer.ts';
import { formatCommand } from '../fly.ts';
import type { Fly } from '../fly.ts';
import { createFlyAccount } from '../fly-account.ts';
import type { Names } from '../names.ts';
import { runSteps, showSteps } from '../step.ts';
import type { Step } from '../step.ts';
import { createTwilioAccount } from '../twilio-account.ts';
import type { TwilioAccount } from '../twilio-account.ts';
import { createUpstash } from '../upstash.ts';
import { leadsTo, sandboxNumber, sandboxSettings } from '../webhook-address.ts';
import type { TeardownOptions } from './options.ts';

export type TeardownDeps = {
  fly: Fly;
  environment: Environment;
  /** Undefined without a terminal. */ asking: Asking | undefined;
  say: (line: string) => void;
};

/**
 * Removes a system from Fly. Safe to run again after an interruption.
 * @throws SetupError when something is missing or unconfirmed, StepFailed when a step fails,
 * WrongUsage.
 */
export async function tearDown(options: TeardownOptions, parts: TeardownDeps): Promise<void> {
  const { fly, say } = parts;
  const account = createFlyAccount(fly);
  const existing = await findExisting(account);
  const names = findNames(options.prefix, existing);
  if (!names)
    throw new SetupError(
      'There is no Sidepocket in this account. If its names begin otherwise, say how with --prefix.',
    );
  const computers = findComputers(names, existing.apps.keys()).map(({ app }) => app);
  const apps = [...computers, names.vm, names.relay, names.redis].filter((app) =>
    existing.apps.has(app),
  );
  const hasUpstash =
    !existing.apps.has(names.redis) && (await createUpstash(fly, names.redis).url()) !== undefined;
  const publicUrl = await choosePublicUrl(options.url, names, existing, account);
  const steps = [
    ...planWebhook(parts, publicUrl),
    ...apps.map((app) => planDestroy(fly, app)),
    ...(hasUpstash ? [planDestroyUpstash(fly, names)] : []),
  ];

  sayLosses(names, apps, hasUpstash, say);
  if (options.dryRun) return void (await showSteps(steps, true, say));
  await confirmLoss(names, options, parts.asking);
  await runSteps(steps, say);
  say(
    '\nIt is gone. Twilio, Anthropic and GitHub still know the keys that it had: revoke them if nothing else uses them.',
  );
}

function sayLosses(
  names: Names,
  apps: string[],
  hasUpstash: boolean,
  say: (line: string) => void,
): void {
  if (apps.length === 0 && !hasUpstash) return say(`Of ${names.prefix} nothing is left on Fly.`);
  say(
    `This destroys ${[...apps, ...(hasUpstash ? [`${names.redis} at Upstash`] : [])].join(', ')}, and with them for good:`,
  );
  if (apps.some((app) => app.startsWith(names.vm)))
    say(
      '  the VMs’ volumes with their snapshots: Claude’s sessions, the workspaces with everything that is not pushed, pictures and files',
    );
  if (apps.includes(names.redis) || hasUpstash)
    say('  Redis: what waits for an answer or to be sent, schedules, the history of turns');
  say('A bucket that --storage has made stays: see “fly storage list”.');
  say('How to keep a copy: docs/operations.md, “Backup and restore”.\n');
}

async function confirmLoss(
  { prefix }: Names,
  { yes }: TeardownOptions,
  asking: Asking | undefined,
): Promise<void> {
  if (yes) return;
  if (!asking)
    throw new SetupError('Nothing was destroyed: confirmation needs a terminal. Say --yes.');
  await asking.text(`Type ${prefix} to destroy it`, {
    judge: (value) =>
      value === prefix ? undefined : `must be ${prefix}; Ctrl-C leaves everything as it is`,
  });
}

/**
 * Clears the webhook if it leads to this relay. @throws SetupError without Twilio's credentials.
 */
function planWebhook({ environment, say }: TeardownDeps, publicUrl: string): Step[] {
  const { answers } = readEnvironment(environment);
  const number = PhoneNumber.safeParse(answers.TWILIO_WHATSAPP_NUMBER).data;
  if (number === sandboxNumber) {
    say(`Clear the webhook of Twilio’s sandbox by hand, at ${sandboxSettings}.\n`);
    return [];
  }
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken } = answers;
  if (!accountSid || !authToken || !number)
    throw new SetupError(
      'TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_WHATSAPP_NUMBER are needed, in the environment or in a file .env, so that Twilio calls the relay no more.',
    );
  const twilio: TwilioAccount = createTwilioAccount({
    accountSid,
    authToken,
    apiUrl: environment['TWILIO_API_URL']?.replace(/\/+$/, '') || undefined,
  });
  const find = async () => {
    const sender = await twilio.findSender(number);
    return sender && leadsTo(sender.webhook, publicUrl) ? sender : undefined;
  };
  return [
    {
      what: 'Twilio does not call the relay',
      takes: ['the WhatsApp sender’s webhook and status address: none'],
      isDone: async () => (await find()) === undefined,
      async run() {
        const sender = await find();
        if (sender) await twilio.point(sender, null);
      },
    },
  ];
}

/** Destroys an app with its machines and volumes. */
export function planDestroy(fly: Fly, app: string): Step {
  const destroy = ['apps', 'destroy', app, '--yes'];
  return {
    what: `${app} is destroyed`,
    takes: [formatCommand(destroy)],
    isDone: async () => false,
    run: async () => void (await fly.run(destroy)),
  };
}

function planDestroyUpstash(fly: Fly, names: Names): Step {
  const destroy = ['redis', 'destroy', names.redis, '--yes'];
  return {
    what: `${names.redis} at Upstash is destroyed`,
    takes: [formatCommand(destroy)],
    isDone: async () => false,
    run: async () => void (await fly.run(destroy)),
  };
}
