import type { Environment } from '../shared/runtime/env.ts';
import { SetupError } from '../shared/runtime/errors.ts';
import type { Log } from '../shared/runtime/log.ts';
import { PhoneNumber } from '../shared/runtime/phone-number.ts';
import { createTwilioMessenger } from '../shared/twilio/messenger.ts';
import type { Asking } from './asking.ts';
import { checkAnswers } from './answer-check.ts';
import { findMissing, gatherAnswers, readEnvironment } from './answers.ts';
import type { AnswerNeeds, Answers } from './answers.ts';
import {
  choosePublicUrl,
  chooseNames,
  chooseOrganization,
  chooseRedis,
  chooseRegion,
  findExisting,
  findNames,
} from './prompts.ts';
import type { Existing } from './prompts.ts';
import type { Fly } from './fly.ts';
import { createFlyAccount } from './fly-account.ts';
import type { FlyAccount } from './fly-account.ts';
import { namesFor } from './names.ts';
import { chooseComputers, findComputers } from './computers/computer.ts';
import type { Computer } from './computers/computer.ts';
import { planComputerSecrets } from './computers/computer-secrets.ts';
import { createEnvironmentReader, planComputers } from './computers/plan-computers.ts';
import type { Names, Role } from './names.ts';
import { chooseNetwork, describeNetwork, findNetwork } from './networks.ts';
import type { NetworkLook } from './networks.ts';
import { WrongUsage } from '../shared/runtime/command-line.ts';
import type { DeployOptions } from './options.ts';
import { planFly } from './plan.ts';
import type { FlyPlan } from './plan.ts';
import type { Patience } from './plan-outside.ts';
import { planOutside } from './plan-outside.ts';
import { planSecrets } from './secret-plan.ts';
import type { SecretPlan } from './secret-plan.ts';
import { passedOn, settings } from './settings.ts';
import { labelSources } from './source-label.ts';
import { chooseStorage, nameBucket, storageSecrets, withoutStorage } from './storage.ts';
import type { Step } from './step.ts';
import { createTwilioAccount } from './twilio-account.ts';

export type DeployDeps = {
  fly: Fly;
  environment: Environment;
  /** Undefined without a terminal. */
  asking: Asking | undefined;
  /** Prints a line for the person. */
  say: (line: string) => void;
  /** The directory of the sources. */
  root: string;
  patience: Patience;
  log: Log;
};

/** Everything a run needs before it changes anything. */
export type Prepared = {
  names: Names;
  publicUrl: string;
  /** The WhatsApp number at Twilio (E.164), if known. */
  number: string | undefined;
  steps: Step[];
  /** Whether the account could be read; a dry run works without. */
  isKnown: boolean;
  /** The dashboard's password, if this run generated it and has set it or tried to. */
  madePassword(): string | undefined;
  /** The same of the password of snapshots. */
  madeSnapshotPassword(): string | undefined;
};

const renewable = new Set<string>([
  ...settings.map(({ name }) => name),
  ...Object.keys(passedOn),
  'PUBLIC_URL',
  'WAKE_URL',
  'WAKE_SECRET',
  'REDIS_URL',
]);

/**
 * Looks up what exists, asks for missing values, checks them and builds the plan.
 * @throws SetupError when something is missing or wrong, WrongUsage.
 */
export async function prepare(options: DeployOptions, parts: DeployDeps): Promise<Prepared> {
  const unknown = options.renew.find((name) => !renewable.has(name));
  if (unknown !== undefined)
    throw new WrongUsage(`--renew knows no ${unknown}. It takes: ${[...renewable].join(', ')}.`);
  const account = createFlyAccount(parts.fly);
  // A dry run asks no questions: its plan shows the defaults.
  const asking = options.dryRun ? undefined : parts.asking;
  const existing = await lookAround(account, options.dryRun, parts.say);
  const names =
    findNames(options.prefix, existing) ??
    (options.dryRun ? standIn(parts.say) : await chooseNames(asking));
  const organization = existing.isKnown
    ? await chooseOrganization(options.organization, names, existing, account, asking)
    : (options.organization ?? 'personal');
  const region = await chooseRegion(options.region, names, existing, account, asking);
  const publicUrl = await choosePublicUrl(options.url, names, existing, account);

  const have = await findSecrets(names, existing, account);
  const renew = new Set(options.renew);
  const redis = chooseRedis(options.redis, names, existing, have);
  const look: NetworkLook = existing.isKnown
    ? await findNetwork(account, names, existing.apps)
    : { state: 'none' };
  const network = chooseNetwork(names.prefix, look, redis, options.network);
  const aboutNetwork = describeNetwork(look);
  if (aboutNetwork) parts.say(aboutNetwork);
  const answers = await takeAnswers(
    { environment: parts.environment, have, renew, asking },
    options.dryRun,
    parts.say,
  );
  const { twilio, messenger } = connectTwilio(answers, parts);
  if (twilio && !options.dryRun) await checkAnswers(answers, twilio, parts.say);

  const hasStorage = await chooseStorage(
    { isWanted: options.additions.storage, isFirstTime: have.vm.size === 0 },
    answers,
    have.vm,
    asking,
  );
  const given = answers.SNAPSHOT_PASSWORD;
  if (!hasStorage && answers.SNAPSHOT_REPOSITORY === undefined)
    if (!have.vm.has('SNAPSHOT_REPOSITORY')) parts.say(withoutStorage);
  const secrets = planSecrets({ names, publicUrl, redis, have, values: answers, renew });
  if (hasStorage) Object.assign(secrets.toSet.vm, storageSecrets(answers));
  const touched = new Set<string>();
  const number = PhoneNumber.safeParse(answers.TWILIO_WHATSAPP_NUMBER).data;
  const plan: FlyPlan = {
    fly: parts.fly,
    account,
    names,
    organization,
    network,
    region,
    redis,
    labels: {
      redis: await labelSources(parts.root, 'redis'),
      relay: await labelSources(parts.root, 'relay'),
      vm: await labelSources(parts.root, 'vm'),
    },
    secrets,
    storage: hasStorage ? { bucket: nameBucket(names), made: {} } : undefined,
    readFirst: createEnvironmentReader(parts.fly, names.vm),
    touched,
    existing: new Set(existing.apps.keys()),
  };
  const computers = chooseComputers(
    names,
    findComputers(names, existing.apps.keys()),
    options.additions.computers,
  );
  const planned = await planSecretsOfAll(computers, plan, { have: have.vm, answers, renew });
  sayPlacement(computers, { have, answers, say: parts.say });
  return {
    names,
    publicUrl,
    number,
    isKnown: existing.isKnown,
    steps: [
      ...planFly(
        plan,
        planned.flatMap(({ computer: { app }, ahead }) =>
          Object.keys(ahead).length > 0 ? [{ app, values: ahead }] : [],
        ),
      ),
      ...planOutside({
        fly: parts.fly,
        names,
        publicUrl,
        number,
        twilio,
        messenger,
        hello: options.hello,
        patience: parts.patience,
      }),
      ...planComputers(plan, planned, parts.patience),
    ],
    madePassword: () =>
      touched.has(names.relay) && !answers.ADMIN_PASSWORD ? passwordIn(secrets) : undefined,
    madeSnapshotPassword() {
      const made = secrets.toSet.vm['SNAPSHOT_PASSWORD'];
      return hasStorage && given === undefined && touched.has(names.vm) && typeof made === 'string'
        ? made
        : undefined;
    },
  };
}

type PlannedSecrets = ReturnType<typeof planComputerSecrets> & { computer: Computer };

async function planSecretsOfAll(
  computers: readonly Computer[],
  { account, existing, secrets }: FlyPlan,
  first: { have: ReadonlySet<string>; answers: Answers; renew: ReadonlySet<string> },
): Promise<PlannedSecrets[]> {
  const { answers, renew } = first;
  const planned: PlannedSecrets[] = [];
  for (const computer of computers) {
    const have = existing.has(computer.app)
      ? new Set((await account.secrets(computer.app)).map(({ name }) => name))
      : undefined;
    const base = { toSet: secrets.toSet.vm, have: first.have };
    planned.push({
      computer,
      ...planComputerSecrets({ computer, first: base, have, answers, renew }),
    });
  }
  return planned;
}

/** Says that more computers alone change nothing, where nothing sends people to them. */
function sayPlacement(
  computers: readonly Computer[],
  {
    have,
    answers,
    say,
  }: { have: Record<Role, ReadonlySet<string>>; answers: Answers; say: (line: string) => void },
): void {
  const isPlaced =
    have.vm.has('HOME_PEOPLE') ||
    have.relay.has('PLACEMENT') ||
    answers.HOME_PEOPLE !== undefined ||
    answers.PLACEMENT !== undefined;
  if (computers.length > 0 && !isPlaced)
    say(
      'Everybody stays on the first computer until PLACEMENT=own gives each person one, or HOME_PEOPLE says how many people a computer takes; put either into the environment or a file .env.',
    );
}

function standIn(say: (line: string) => void): Names {
  say(
    'Names on Fly are unique in the world, so a real run gives the apps a prefix of your own; see --prefix.\n',
  );
  return namesFor('sidepocket');
}

function passwordIn({ toSet }: SecretPlan): string | undefined {
  const password = toSet.relay['ADMIN_PASSWORD'];
  return typeof password === 'string' ? password : undefined;
}

async function lookAround(
  account: FlyAccount,
  isDryRun: boolean,
  say: (line: string) => void,
): Promise<Existing> {
  try {
    return await findExisting(account);
  } catch (error) {
    if (!isDryRun) throw error;
    say(
      `${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}\nSo the plan is for an account with nothing in it.\n`,
    );
    return { apps: new Map(), isKnown: false };
  }
}

async function findSecrets(
  names: Names,
  existing: Existing,
  account: FlyAccount,
): Promise<Record<Role, ReadonlySet<string>>> {
  const of = async (role: Role): Promise<ReadonlySet<string>> =>
    new Set(
      existing.apps.has(names[role])
        ? (await account.secrets(names[role])).map(({ name }) => name)
        : [],
    );
  return { redis: await of('redis'), relay: await of('relay'), vm: await of('vm') };
}

async function takeAnswers(
  needs: AnswerNeeds,
  isDryRun: boolean,
  say: (line: string) => void,
): Promise<Answers> {
  if (!isDryRun) return await gatherAnswers(needs);
  const { answers, problems } = readEnvironment(needs.environment);
  const missing = findMissing(needs, answers).map(({ name }) => name);
  if (problems.length > 0) say(`To be corrected first:\n${problems.join('\n')}\n`);
  if (missing.length > 0)
    say(
      `It would ask for ${missing.join(', ')}, or take them from the environment or a file .env.\n`,
    );
  // Placeholders, so that the plan names every secret that would be set.
  return { ...Object.fromEntries(missing.map((name) => [name, ''])), ...answers };
}

function connectTwilio(answers: Answers, { environment, log }: DeployDeps) {
  const {
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    TWILIO_WHATSAPP_NUMBER: number,
  } = answers;
  if (!accountSid || !authToken || !number) return { twilio: undefined, messenger: undefined };
  const apiUrl = environment['TWILIO_API_URL']?.replace(/\/+$/, '') || undefined;
  const parsed = PhoneNumber.safeParse(number).data;
  if (parsed === undefined)
    throw new SetupError('TWILIO_WHATSAPP_NUMBER must be a phone number such as +15551234567.');
  return {
    twilio: createTwilioAccount({ accountSid, authToken, apiUrl }),
    messenger: createTwilioMessenger({ accountSid, authToken, number: parsed, apiUrl }, log),
  };
}
