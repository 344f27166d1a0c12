import { WrongUsage, formatWrongUsage } from '../shared/runtime/command-line.ts';
import type { PhoneInput } from './chat.ts';
import { NotRunning, PhoneRefused, createPhoneClient, findPhoneUrl } from './phone/phone-client.ts';
import type { PhoneClient } from './phone/phone-client.ts';
import { readMediaFile } from './phone/media-file.ts';
import { parseSendOptions, sendHelp } from './phone/send-options.ts';
import type { SendOptions } from './phone/send-options.ts';
import { ReplyPrinter } from './phone/reply-printer.ts';

const runningFile = '.sidepocket/running.json';
const pollMs = 300;
const hintAfterMs = 10_000;

async function toInput({ text, media }: SendOptions): Promise<PhoneInput> {
  if (!media) return { text };
  const file = await readMediaFile(media).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new WrongUsage(
      why.startsWith('ENOENT') ? `There is no file ${media}.` : `${media} cannot be read: ${why}`,
    );
  });
  if (!file.base64) throw new WrongUsage(`${media} is empty.`);
  return { ...(text ? { text } : {}), media: file };
}

/** Sends the message and prints replies until its turn has ended. Returns the exit code. */
async function send(command: SendOptions, input: PhoneInput): Promise<number> {
  const client = createPhoneClient(await findPhoneUrl(runningFile));
  const system = await client.system();
  const phone = command.from ?? system.phones[0];
  if (!phone) throw new WrongUsage('The running system has no phones. Name one with --from.');
  if (!system.phones.includes(phone))
    throw new WrongUsage(
      `${phone} is not one of this system's phones: ${system.phones.join(', ')}.`,
    );
  const printer = new ReplyPrinter(await client.messages(phone), (line) => console.log(line));
  const { sid, status } = await client.send(phone, input);
  if (status < 200 || status > 299) {
    console.error(
      status === 0
        ? 'Sidepocket did not answer the webhook.'
        : `Sidepocket refused the message: its webhook answered ${status}.`,
    );
    return 1;
  }
  return follow(client, {
    phone,
    sid,
    printer,
    timeoutMs: command.timeoutMs,
    dashboardUrl: system.dashboardUrl,
  });
}

type Followed = {
  phone: string;
  sid: string;
  printer: ReplyPrinter;
  timeoutMs: number;
  dashboardUrl: string | undefined;
};

async function follow(
  client: PhoneClient,
  { phone, sid, printer, timeoutMs, dashboardUrl }: Followed,
): Promise<number> {
  const start = performance.now();
  let lastSign = start;
  let hinted = false;
  for (;;) {
    const state = await client.turn(sid);
    // The chat is read after the state, so that a reply sent before the turn ended is in it.
    const { printed, isBehind } = printer.show(await client.messages(phone));
    if (printed > 0) lastSign = performance.now();
    if (state === 'answered' && !isBehind) return 0;
    if (state === 'failed' && !isBehind) {
      console.error('The turn failed.');
      return 1;
    }
    if (performance.now() - start > timeoutMs) {
      console.error(
        `No answer within ${timeoutMs / 1000} s. The message is not lost: the reply will be in the chat.`,
      );
      return 1;
    }
    if (!hinted && performance.now() - lastSign > hintAfterMs) {
      hinted = true;
      const where = dashboardUrl ? ` See ${dashboardUrl}` : '';
      console.error(
        `Still ${state === 'waiting' ? 'waiting for its turn' : 'working on it'}; Ctrl-C stops waiting, not the work.${where}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Prints the error and returns its exit code. */
function explain(error: unknown): number {
  if (error instanceof WrongUsage) {
    console.error(formatWrongUsage(error, 'npm run send'));
    return 2;
  }
  if (error instanceof NotRunning || error instanceof PhoneRefused) {
    console.error(error.message);
    return 1;
  }
  throw error;
}

process.on('SIGINT', () => process.exit(130));

try {
  const command = parseSendOptions(process.argv.slice(2));
  if (command === 'help') console.log(sendHelp);
  else process.exitCode = await send(command, await toInput(command));
} catch (error) {
  process.exitCode = explain(error);
}
