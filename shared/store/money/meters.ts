import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';
import { messageKinds } from '../../runtime/prices/message-fees.ts';
import type { MessageKind } from '../../runtime/prices/message-fees.ts';

/** What was counted in a period, beside the model's use. */
export type MeterSums = {
  /** Messages that Twilio has taken from us or brought to us. */
  messages: Record<MessageKind, number>;
  /** How long each home's VM was awake (ms), with what is still running. */
  vmMs: ReadonlyMap<string, number>;
  /** Commands that Redis has processed; undefined where it does not tell. */
  commands: number | undefined;
  /**
   * What was open at a kill: how long a VM may have been awake besides (ms), Redis's restarts, and
   * messages that were sent again because Twilio's list did not have them: it may have taken them.
   */
  unsettled: { vmMs: number; commandGaps: number; messages: number };
};

/** One VM's time awake. */
export type VmMeter = {
  /** Counts what has passed. */
  note(): Promise<void>;
  /** Counts the rest: the VM ends. */
  end(): Promise<void>;
};

/** The meters of messages, VMs and Redis, by day and by month, in UTC. */
export type Meters = {
  /** Reads a day (`YYYY-MM-DD`) and its month, and looks at Redis's own count first. */
  read(day: string): Promise<{ today: MeterSums; month: MeterSums }>;
  /** Adds what Redis has processed since the last look. */
  noteCommands(): Promise<void>;
  /** Begins with the VM of a home, which is awake since then (ms since 1970). */
  startVm(worker: string, home: string, since: number): Promise<VmMeter>;
};

/** How often a VM's time is noted (ms): as much is not settled after a kill. */
export const vmNoteMs = 5 * 60_000;

const vmScript = loadScript(new URL('lua/meter-vm.lua', import.meta.url), {
  keys: ['meterOpen'],
  args: ['prefix', 'worker', 'home', 'fromMs', 'toMs', 'now', 'goesOn', 'mostOpenMs'],
});

const commandsScript = loadScript(new URL('lua/meter-commands.lua', import.meta.url), {
  keys: ['meterOpen'],
  args: ['prefix', 'run', 'total', 'now'],
});

/** `now` is in ms since 1970. */
export function createMeters(redis: Redis, now: () => number = Date.now): Meters {
  const where = { meterOpen: keys.meterOpen };
  const noteCommands = async (): Promise<void> => {
    const info = await redis.info();
    const run = /^run_id:(\w+)/m.exec(info)?.[1];
    const total = /^total_commands_processed:(\d+)/m.exec(info)?.[1];
    if (run === undefined || total === undefined) return;
    const args = { prefix, run, total, now: new Date(now()).toISOString() };
    await runScript(redis, commandsScript, { keys: where, args });
  };
  return {
    noteCommands,
    async read(day) {
      await noteCommands();
      const [ofDay, ofMonth, open] = await Promise.all([
        redis.hgetall(keys.meter(day)),
        redis.hgetall(keys.meter(day.slice(0, 7))),
        redis.hgetall(keys.meterOpen),
      ]);
      return {
        today: parseSums(ofDay, open, Date.parse(`${day}T00:00:00Z`), now()),
        month: parseSums(ofMonth, open, Date.parse(`${day.slice(0, 7)}-01T00:00:00Z`), now()),
      };
    },
    async startVm(worker, home, since) {
      let from = '';
      const note = async (at: number, goesOn: boolean): Promise<void> => {
        await runScript(redis, vmScript, {
          keys: where,
          args: {
            prefix,
            worker,
            home,
            fromMs: from,
            toMs: Math.round(at),
            now: new Date(now()).toISOString(),
            goesOn: goesOn ? '1' : '',
            mostOpenMs: vmNoteMs,
          },
        });
        from = String(Math.round(at));
      };
      await note(since, true);
      return { note: () => note(now(), true), end: () => note(now(), false) };
    },
  };
}

function parseSums(
  fields: Record<string, string>,
  open: Record<string, string>,
  begins: number,
  now: number,
): MeterSums {
  const get = (field: string): number => Number(fields[field] ?? 0);
  const vmMs = new Map<string, number>();
  const add = (home: string, ms: number): void =>
    void vmMs.set(home, (vmMs.get(home) ?? 0) + Math.max(ms, 0));
  let openMs = 0;
  for (const [field, value] of Object.entries(fields)) {
    const [, kind, home = ''] = /^(vm|vm-open):(.*)$/.exec(field) ?? [];
    if (kind === 'vm') add(home, Number(value));
    if (kind === 'vm-open') openMs += Number(value);
  }
  for (const [worker, value] of Object.entries(open)) {
    const [, home = '', since] = /^(\S*) (\d+)$/.exec(value) ?? [];
    if (worker === 'redis' || since === undefined) continue;
    // What was killed is not awake any more: how long it was is not known, and its next start notes
    // as much.
    if (now - Number(since) > 2 * vmNoteMs) openMs += Number(since) >= begins ? vmNoteMs : 0;
    else add(home, now - Math.max(Number(since), begins));
  }
  return {
    messages: Object.fromEntries(
      messageKinds.map((kind) => [kind, get(`messages:${kind}`)]),
    ) as Record<MessageKind, number>,
    vmMs,
    commands: open['redis'] === undefined ? undefined : get('commands'),
    unsettled: {
      vmMs: openMs,
      commandGaps: get('commands-gaps'),
      messages: get('messages-open'),
    },
  };
}
