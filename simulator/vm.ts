import type { Running } from '../shared/runtime/lifecycle.ts';
import type { Child } from './child-process.ts';
import type { SystemState } from './chat.ts';
import { runWakeServer } from './wake-server.ts';

export type VmOptions = {
  /** Starts the worker; settles when it is ready. */
  boot: () => Promise<Child>;
  /** The bearer token that a wake request must carry. */
  secret: string;
  onState: (state: SystemState['vm']) => void;
};

export type Vm = Running & {
  /** The wake address. */
  url: string;
  state(): SystemState['vm'];
};

/**
 * A machine that behaves like Fly's: it is stopped until its address is called, the caller waits
 * while it boots, it stays off when its process exits 0, and boots again when it crashes.
 */
export async function runVm({ boot, secret, onState }: VmOptions): Promise<Vm> {
  let state: SystemState['vm'] = 'asleep';
  let booting: Promise<Child> | undefined;
  let stopped = false;
  const become = (next: SystemState['vm']): void => {
    state = next;
    onState(next);
  };

  const start = async (): Promise<Child> => {
    become('waking');
    try {
      const child = await boot();
      become('awake');
      void watch(child);
      return child;
    } catch (error) {
      booting = undefined;
      become('asleep');
      throw error;
    }
  };
  /** Off when the process exits 0; up again when it crashed. */
  const watch = async (child: Child): Promise<void> => {
    const { code } = await child.exited;
    booting = undefined;
    become('asleep');
    if (code !== 0 && !stopped) await wake().catch(() => undefined);
  };
  const wake = (): Promise<Child> => (booting ??= start());

  const server = await runWakeServer(secret, () =>
    wake().then(
      () => true,
      () => false,
    ),
  );
  return {
    url: server.url,
    state: () => state,
    async stop() {
      stopped = true;
      await server.stop();
      await (await booting?.catch(() => undefined))?.stop();
    },
  };
}
