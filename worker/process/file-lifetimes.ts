import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Home } from '../agent/homes/home.ts';
import type { Homes } from '../agent/homes/homes.ts';
import { longPatience, runAsAgentOrOwn } from '../agent/sandbox/shell.ts';

export type FileLifetimeDeps = {
  homes: Pick<Homes, 'list'>;
  /** Files are removed after this many days without being read or changed. */
  days: number;
  /** The directory names of the conversations with a running turn. */
  atWork: ReadonlySet<string>;
  log: Log;
};

/**
 * Removes unused files: pictures, temporary files, and files that people have sent (the workspace's
 * `inbox/`). Everything else in a workspace is the person's.
 */
export type FileLifetimes = {
  /** Cleans once; never rejects. */
  clean(): Promise<void>;
  /** Cleans daily. */
  start(): Running;
};

const dayMs = 24 * 3600_000;

/**
 * `find` follows no symlinks, which the agent may have placed, and runs with the rights of the
 * person. Empty directories are removed, too. What a turn may need that it has not touched for long
 * stays for the next run: the words after the fourth are the names of conversations at work.
 */
const script = `home=$1 images=$2 temporary=$3 minutes=$4 code=0
shift 4
clean() {
  [ -d "$1" ] || return
  find "$1" -xdev -depth -mindepth 1 \\( ! -type d -mmin "+$minutes" -amin "+$minutes" -o -type d -empty -mmin "+$minutes" \\) -delete || code=1
}
is_at_work() {
  for name do [ "$name" != "$own" ] || return 0; done
  return 1
}
busy=
for space in "$home"/workspaces/*; do
  own=$(basename "$space")
  if is_at_work "$@"; then busy=yes; else clean "$space/inbox"; fi
done
for pictures in "$images"/*; do
  own=$(basename "$pictures")
  is_at_work "$@" || clean "$pictures"
done
[ -n "$busy" ] || clean "$temporary"
exit $code`;

export function createFileLifetimes({ homes, days, atWork, log }: FileLifetimeDeps): FileLifetimes {
  const minutes = String(Math.ceil(days * 24 * 60));
  const cleanHome = async ({ user, directory, images, temporary }: Home): Promise<void> => {
    const { code, said } = await runAsAgentOrOwn(
      user,
      script,
      [directory, images, temporary, minutes, ...atWork],
      longPatience,
    );
    if (code !== 0) log.warn({ reason: said }, 'some unused files were not removed');
  };
  const cleanAll = async (): Promise<void> => {
    try {
      for (const home of await homes.list()) await cleanHome(home);
    } catch (error) {
      log.warn({ err: error }, 'removing unused files failed');
    }
  };
  return {
    clean: cleanAll,
    start() {
      const timer = setInterval(() => void cleanAll(), dayMs).unref();
      return { stop: async () => clearInterval(timer) };
    },
  };
}
