import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import type { Part } from './variables.ts';

export type DoctorOptions = {
  fly: boolean;
  json: boolean;
  /** The processes that run on this machine. */
  parts: readonly Part[];
  prefix: string | undefined;
  url: string | undefined;
};

export const doctorHelp = `Looks whether everything that Sidepocket needs is there, and says what to do about what is not. Changes nothing.

  npm run doctor -- [--for relay|worker] [--json]
  npm run doctor -- --fly [--prefix NAME] [--url URL] [--json]

  --for PART     look only at what this process needs; without it, at what both need
  --fly          look at the system on Fly instead of this machine
  --prefix NAME  which system on Fly, when there are several
  --url URL      its relay's public address when it is a domain of yours
  --json         the findings as JSON: about, status (ok, problem, unchecked), detail, advice
  --help         show this

Values are taken from the environment and from a file .env. ✓ is well, ✗ is a problem, – cannot be told.
Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.`;

/** Parses the command line. @returns 'help' if requested. @throws WrongUsage. */
export function parseDoctorOptions(args: string[]): DoctorOptions | 'help' {
  const { values } = readArguments(args, {
    for: { type: 'string' },
    fly: { type: 'boolean' },
    prefix: { type: 'string' },
    url: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  const { for: part, prefix, url } = values;
  if (part !== undefined && part !== 'relay' && part !== 'worker')
    throw new WrongUsage('--for takes relay or worker.');
  const fly = values.fly === true;
  if (!fly && (prefix !== undefined || url !== undefined))
    throw new WrongUsage('--prefix and --url go with --fly.');
  if (url !== undefined && !/^https?:\/\/[^/]+\/?$/.test(url))
    throw new WrongUsage(
      '--url takes an address without a path, such as https://pocket.example.com.',
    );
  return {
    fly,
    json: values.json === true,
    parts: part ? [part] : ['relay', 'worker'],
    prefix,
    url: url?.replace(/\/$/, ''),
  };
}
