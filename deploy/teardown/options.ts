import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';

export type TeardownOptions = {
  dryRun: boolean;
  prefix: string | undefined;
  url: string | undefined;
  yes: boolean;
  /** The home of the one computer that goes; undefined for the whole system. */
  computer: string | undefined;
  /** Destroys that computer without moving its people. */
  force: boolean;
};

export const teardownHelp = `Takes Sidepocket off Fly: Twilio calls it no more, and its apps, volumes and Redis are destroyed with everything on them.

  npm run teardown -- [--dry-run] [--prefix NAME] [--url URL] [--yes]
  npm run teardown -- --vm NAME [--force] [--dry-run] [--prefix NAME] [--yes]

  --dry-run      show what would go and do nothing
  --prefix NAME  which system, when there are several
  --url URL      the relay's public address when it is a domain of yours
  --vm NAME      take away this computer alone, which “npm run deploy -- --vm NAME” has made, once its people have moved to
                 others; does nothing while they cannot
  --force        with --vm: destroy it without moving its people. What they have on it is lost, except for what a snapshot holds
  --yes          do not ask (needed without a terminal)
  --help         show this

Exit codes: 0 it is gone, 1 something failed, 2 wrong usage, 130 interrupted.`;

/** Parses the command line. @returns 'help' if requested. @throws WrongUsage. */
export function parseTeardownOptions(args: string[]): TeardownOptions | 'help' {
  const { values } = readArguments(args, {
    'dry-run': { type: 'boolean' },
    prefix: { type: 'string' },
    url: { type: 'string' },
    yes: { type: 'boolean' },
    vm: { type: 'string' },
    force: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  const { prefix, url } = values;
  if (url !== undefined && !/^https?:\/\/[^/]+\/?$/.test(url))
    throw new WrongUsage(
      '--url takes an address without a path, such as https://pocket.example.com.',
    );
  if (values.force && values.vm === undefined) throw new WrongUsage('--force goes with --vm NAME.');
  return {
    dryRun: values['dry-run'] === true,
    yes: values.yes === true,
    computer: values.vm,
    force: values.force === true,
    prefix,
    url: url?.replace(/\/$/, ''),
  };
}
