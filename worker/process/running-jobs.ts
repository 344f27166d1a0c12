import { FencedError } from '../../shared/store/boxes/inbox.ts';

/**
 * One run of a job: its signal, which aborts with FencedError once another worker has the job, and
 * its end.
 */
export type JobRun = { signal: AbortSignal; done(): void };

/** The jobs running in this worker, each run under a unique name: `queue:id=token`. */
export type RunningJobs = {
  begin(queue: string, id: string, token: string): JobRun;
  names(): string[];
  /**
   * Aborts these runs at once. Skips those that have ended meanwhile; returns the names of the
   * others.
   */
  endLost(names: string[]): string[];
};

export function createRunningJobs(): RunningJobs {
  const runs = new Map<string, AbortController>();
  return {
    begin(queue, id, token) {
      const name = `${queue}:${id}=${token}`;
      const run = new AbortController();
      runs.set(name, run);
      return {
        signal: run.signal,
        done() {
          if (runs.get(name) === run) runs.delete(name);
        },
      };
    },
    names: () => [...runs.keys()],
    endLost(names) {
      const alive = names.filter((name) => runs.has(name));
      for (const name of alive)
        runs.get(name)?.abort(new FencedError('another worker has this job'));
      return alive;
    },
  };
}
