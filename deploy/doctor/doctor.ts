import type { Environment } from '../../shared/runtime/env.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { choosePublicUrl, findExisting, findNames } from '../prompts.ts';
import { FlyFailure } from '../fly.ts';
import type { Fly } from '../fly.ts';
import { createFlyAccount } from '../fly-account.ts';
import type { Role } from '../names.ts';
import { createTwilioAccount } from '../twilio-account.ts';
import { checkChromium } from './chromium.ts';
import { checkDisk } from './disk.ts';
import { problem, unchecked } from './finding.ts';
import { checkHomes } from './homes.ts';
import type { Finding } from './finding.ts';
import { checkFly } from './fly.ts';
import { checkModel } from './model.ts';
import type { DoctorOptions } from './options.ts';
import { checkRedisAt } from './redis.ts';
import { checkRelay } from './relay.ts';
import { checkSnapshots } from './snapshots.ts';
import { checkTwilio } from './twilio.ts';
import { checkVariables, readVariable } from './variables.ts';

export type DoctorDeps = {
  environment: Environment;
  fly: Fly;
  labels: () => Promise<Record<Role, string>>;
  log: Log;
};

/**
 * Runs every check and changes nothing. Never throws because of a finding: a check that fails is a
 * finding, too.
 */
export async function examine(options: DoctorOptions, parts: DoctorDeps): Promise<Finding[]> {
  return options.fly ? await examineFly(options, parts) : await examineMachine(options, parts);
}

async function examineMachine(
  { parts: which }: DoctorOptions,
  { environment, log }: DoctorDeps,
): Promise<Finding[]> {
  const [redisUrl, publicUrl] = [
    readVariable('REDIS_URL', environment),
    readVariable('PUBLIC_URL', environment),
  ];
  const looks: Promise<Finding[]>[] = [
    redisUrl === undefined
      ? one(unchecked('Redis', 'REDIS_URL is missing'))
      : guarded('Redis', checkRedisAt(redisUrl, log)),
    guarded('Twilio', lookAtTwilio(environment, publicUrl)),
    publicUrl === undefined
      ? one(unchecked('Relay', 'PUBLIC_URL is missing'))
      : guarded('Relay', checkRelay(publicUrl)),
  ];
  if (which.includes('worker')) {
    const dataDir = readVariable('DATA_DIR', environment) ?? '/data';
    const chromium = checkChromium(
      readVariable('CHROMIUM_PATH', environment),
      environment['PATH'] ?? '',
    );
    looks.push(
      guarded('Claude', checkModel(environment)),
      guarded('Chromium', chromium),
      guarded('Disk', checkDisk(dataDir)),
      guarded('Homes', (async () => checkHomes(dataDir))()),
      guarded('Snapshots', checkSnapshots(environment, dataDir)),
    );
  }
  return [...checkVariables(environment, which), ...(await Promise.all(looks)).flat()];
}

async function examineFly(
  options: DoctorOptions,
  { environment, fly, labels }: DoctorDeps,
): Promise<Finding[]> {
  const account = createFlyAccount(fly);
  try {
    const existing = await findExisting(account);
    const names = findNames(options.prefix, existing);
    if (!names)
      return [
        problem(
          'Fly',
          'there is no Sidepocket in this account',
          'Run “npm run deploy”; or, if its names begin otherwise, say how with --prefix.',
        ),
      ];
    const publicUrl = await choosePublicUrl(options.url, names, existing, account);
    const found = await checkFly({
      account,
      names,
      existing: existing.apps,
      labels: await labels(),
    });
    return [
      ...found,
      ...(await guarded('Relay', checkRelay(publicUrl))),
      ...(await guarded('Twilio', lookAtTwilio(environment, publicUrl))),
      ...(await guarded('Claude', checkModel(environment))),
    ];
  } catch (error) {
    if (error instanceof SetupError || error instanceof FlyFailure)
      return [problem('Fly', error.message.split('\n')[0] ?? '', 'Mend that, then run it again.')];
    throw error;
  }
}

async function lookAtTwilio(
  environment: Environment,
  publicUrl: string | undefined,
): Promise<Finding[]> {
  const [accountSid, authToken] = [
    readVariable('TWILIO_ACCOUNT_SID', environment),
    readVariable('TWILIO_AUTH_TOKEN', environment),
  ];
  if (accountSid === undefined || authToken === undefined)
    return [unchecked('Twilio', 'TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN is missing')];
  const account = createTwilioAccount({
    accountSid,
    authToken,
    apiUrl: readVariable('TWILIO_API_URL', environment),
  });
  return await checkTwilio(account, readVariable('TWILIO_WHATSAPP_NUMBER', environment), publicUrl);
}

const one = async (finding: Finding): Promise<Finding[]> => [finding];

async function guarded(about: string, look: Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await look].flat();
  } catch (error) {
    return [
      problem(
        about,
        `could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
        'Run it again; if it stays, this is a defect of the doctor.',
      ),
    ];
  }
}
