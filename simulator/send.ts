import { WrongUsage, formatWrongUsage, readArguments } from '../shared/runtime/command-line.ts';
import type { PhoneInput } from './chat.ts';
import { NotRunning, PhoneRefused, createPhoneClient, findPhoneUrl } from './phone/phone-client.ts';
import type { PhoneClient } from './phone/phone-client.ts';
import { isPhone } from './phone/phone-input.ts';
import { readMediaFile } from './phone/media-file.ts';
import { ReplyPrinter } from './phone/reply-printer.ts';

const helpText = `Sends a WhatsApp message to the Sidepocket that runs here, and prints the replies.

  npm run send -- "text" [--media FILE] [--from +15555550100] [--timeout SECONDS]

  --media FILE       attach a picture, document or voice note (at most 16 MB)
  --from PHONE       send as this phone, by its number or user id; without it, as the first phone of the running system
  --timeout SECONDS  give up when there is no answer after this time; without it, wait
  --help             show this

Exit codes: 0 answered, 1 not running, failed or no answer in time, 2 wrong usage, 130 interrupted.`;

const runningFile = '.sidepocket/running.json';
const pollMs = 300;
const hintAfterMs = 10_000;

type Command = { text: string; media: string | null; from: string | null; timeoutMs: number };

function parseCommand(args: string[]): Command | 'help' {
  const { values, positionals } = readArguments(
    args,
    {
      media: { type: 'string' },
      from: { type: 'string' },
      timeout: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
    { positionals: true },
  );
  if (values.help) return 'help';
  const text = positionals.join(' ').trim();
  if (!text && values.media === undefined)
    throw new WrongUsage('There is nothing to send. Give a text, or a file with --media.');
  if (values.from !== undefined && !isPhone(values.from))
    throw new WrongUsage(
      `"${values.from}" is not a phone number in international form, such as +15555550100.`,
    );
  const seconds = values.timeout === undefined ? Infinity : Number(values.timeout);
  if (!(seconds > 0)) throw new WrongUsage(`"${values.timeout}" is not a number of seconds.`);
  return {
    text,
    media: values.media ?? null,
    from: values.from ?? null,
    timeoutMs: seconds * 1000,
  };
}

async function toInput({ text, media }: Command): Promise<PhoneInput> {
  if (!media) return { text };
  const file = await readMediaFile(media).catch((error: unknown) => {
    throw new WrongUsage(
      `${media} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  if (!file.base64) throw new WrongUsage(`${media} is empty.`);
  return { ...(text ? { text } : {}), media: file };
}

/** Sends the message and prints replies until its turn has ended. Returns the exit code. */
async function send(command: Command, input: PhoneInput): Promise<number> {
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
  dashboardUrl: string | null;
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
  const command = parseCommand(process.argv.slice(2));
  if (command === 'help') console.log(helpText);
  else process.exitCode = await send(command, await toInput(command));
} catch (error) {
  process.exitCode = explain(error);
}
