import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { isPhone } from './phone-input.ts';

export const sendHelp = `Sends a WhatsApp message to the Sidepocket that runs here, and prints the replies.

  npm run send -- "text" [--media FILE] [--from +15555550100] [--timeout SECONDS]

  --media FILE       attach a picture, document or voice note (at most 16 MB)
  --from PHONE       send as this phone, by its number or user id; without it, as the first phone of the running system
  --timeout SECONDS  give up when there is no answer after this time; without it, wait
  --help             show this

Exit codes: 0 answered, 1 not running, failed or no answer in time, 2 wrong usage, 130 interrupted.`;

/** `from` is undefined for the first phone of the running system. */
export type SendOptions = {
  text: string;
  media: string | undefined;
  from: string | undefined;
  timeoutMs: number;
};

/** Reads the command line. Throws WrongUsage with a sentence. */
export function parseSendOptions(args: string[]): SendOptions | 'help' {
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
    media: values.media,
    from: values.from,
    timeoutMs: seconds * 1000,
  };
}
