import type { DeployOptions } from './options.ts';
import { prepare } from './preparation.ts';
import type { DeployDeps, Prepared } from './preparation.ts';
import { runSteps, showSteps } from './step.ts';
import { sandboxNumber, sandboxSettings, webhookAddresses } from './webhook-address.ts';

/**
 * Deploys the system to Fly, or updates an existing one. Keeps no state of its own: every step
 * checks whether it is done.
 * @throws SetupError when something is missing, StepFailed when a step fails, WrongUsage.
 */
export async function deploy(options: DeployOptions, parts: DeployDeps): Promise<void> {
  const { say } = parts;
  const prepared = await prepare(options, parts);
  if (options.dryRun) {
    say(`The plan for ${prepared.names.prefix}; nothing of it is done now.`);
    await showSteps(prepared.steps, prepared.isKnown, say);
    sayByHand(prepared, say);
    return;
  }
  const done = await runWith(prepared, say);
  say(done.length === 0 ? '\nEverything was there already.' : '\nSidepocket is up.');
  sayByHand(prepared, say);
  say(`Now write to ${prepared.number ?? 'your number'} on WhatsApp.`);
}

/**
 * Runs the steps. Shows generated passwords once they are set, even if a later step fails: they
 * cannot be read back.
 */
async function runWith(prepared: Prepared, say: (line: string) => void): Promise<string[]> {
  try {
    return await runSteps(prepared.steps, say);
  } finally {
    const password = prepared.madePassword();
    if (password !== undefined)
      say(
        `\nThe dashboard: ${prepared.publicUrl}/admin/queues\nIts password, shown only now: ${password}`,
      );
    const key = prepared.madeSnapshotPassword();
    if (key !== undefined)
      say(
        `\nWithout the snapshots’ password nothing can read them: keep a copy elsewhere. It is shown only now: ${key}`,
      );
  }
}

/** Prints what remains to be done by hand. */
function sayByHand({ number, publicUrl }: Prepared, say: (line: string) => void): void {
  if (number !== sandboxNumber) return;
  const { webhook, status } = webhookAddresses(publicUrl);
  say(
    `\nTwilio’s sandbox is set by hand, at ${sandboxSettings}:\n  When a message comes in (POST): ${webhook}\n  Status callback URL (POST):     ${status}\n`,
  );
}
