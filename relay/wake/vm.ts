import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { HomeRecord, HomeRegistry } from '../../shared/store/homes/registry.ts';
import { suffixOf } from '../../shared/store/homes/routes.ts';
import type { Routes } from '../../shared/store/homes/routes.ts';
import type { Message } from '../../shared/store/message.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import { channels, listenToControl } from '../../shared/store/redis/pubsub.ts';
import type { Control } from '../../shared/store/redis/pubsub.ts';
import { createHomeKeeper } from './home-keeper.ts';
import type { HomeKeeper, HomeKeeperDeps, WakeTarget } from './home-keeper.ts';
import type { Rescued, RescuePeople } from './rescue.ts';
import { fitsHosts } from './wake-hosts.ts';

export type VmKeeperDeps = Omit<HomeKeeperDeps, 'target' | 'gone'> & {
  /** The homes that have registered, and those of the conversations. */
  homes: Pick<HomeRegistry, 'list' | 'declareDead'>;
  routes: Pick<Routes, 'guess'>;
  wake: WakeSettings;
};

/**
 * The wake address of the first home and its secret, and the hosts that the addresses of homes may
 * name. Without an address the first home's own applies; without that too, its worker is always on.
 */
export type WakeSettings = {
  url: string | undefined;
  secret: string | undefined;
  hosts: string[];
  /** When another home begins to send for a home whose VM does not come up (ms). */
  deadMs: number;
  /** What becomes of its people then. */
  rescue: RescuePeople;
};

/** Wakes the VM of each home when it has work, and keeps waiting people informed. */
export type VmKeeper = {
  /** A message was accepted: "typing…" shows, and the VM of its home wakes. */
  onAccepted(message: Message): void;
  /** There may be other work than a message, in a conversation or anywhere. */
  look(conversation?: string): void;
  /**
   * Begins to listen for the workers' signals, and looks once: an earlier relay may have left a
   * wake unfinished.
   */
  start(): Promise<Running>;
};

/** The notice to the owner about a computer that does not come up. */
function deadWords(
  name: string,
  helper: string,
  deadMs: number,
  { moved, waiting }: Rescued,
): string {
  const minutes = Math.max(Math.round(deadMs / 60_000), 1);
  const gone =
    moved.length > 0 ? ` With their files as last saved these go on: ${moved.join(', ')}.` : '';
  const rest = moved.length > 0 && waiting === 0 ? '' : '; everything else waits for it';
  return `The computer “${name}” has not come up for ${minutes} minutes. “${helper}” now sends what it had written and says what is due${rest}.${gone}`;
}

/** One keeper a home: a VM that sleeps, is slow or does not wake up holds up no other. */
export function createVmKeeper(parts: VmKeeperDeps): VmKeeper {
  const { redis, homes, routes, wake, tellOwner, log } = parts;
  const keepers = new Map<HomeSuffix, { keeper: HomeKeeper; target: WakeTarget }>();
  let stopped = false;

  /** How a registered home is woken; its address does not count where it leads elsewhere. */
  const targetOf = ({ name, suffix, address, secret }: HomeRecord): WakeTarget => {
    if (suffix === '' && wake.url !== undefined)
      return { home: suffix, name, address: wake.url, secret: wake.secret };
    if (address === undefined || fitsHosts(address, wake.hosts))
      return { home: suffix, name, address, secret };
    log.error({ home: name }, 'the address of a home does not fit WAKE_HOSTS: it is not woken');
    void tellOwner(
      `wake-address${suffix}`,
      `The computer “${name}” gave an address that WAKE_HOSTS does not have, so I do not wake it. Please add its host there, or correct its WAKE_ADDRESS.`,
    );
    return { home: suffix, name, address: undefined, secret: undefined };
  };
  /** The deaths of which the owner has been notified, by their times. */
  const told = new Map<HomeSuffix, string>();
  /** Has another home send for a home whose VM does not come up, if there is another. */
  const declareDead = ({ home, name }: WakeTarget): void => {
    const declare = async (): Promise<void> => {
      const known =
        name === '' ? (await homes.list()).find(({ suffix }) => suffix === home) : { name };
      const death = known && (await homes.declareDead({ name: known.name, suffix: home }));
      if (!known || death?.outcome !== 'helped') return;
      withKeeper(death.helper, (keeper) => keeper.look());
      const rescued = await wake.rescue(known.name);
      const isNew = told.get(home) !== death.since;
      told.set(home, death.since);
      if (isNew) log.error({ home: known.name, helper: death.name }, 'a home is taken for dead');
      // Of two relays that find a home dead at once, one may move its people, and both say so.
      const first = rescued.moved.length > 0 ? 'dead-moved' : 'dead';
      if (isNew || rescued.moved.length > 0)
        await tellOwner(
          `${isNew ? first : 'moved'}${home}`,
          deadWords(known.name, death.name, wake.deadMs, rescued),
        );
    };
    declare().catch((error: unknown) => log.warn({ err: error }, 'noting a dead home failed'));
  };
  const keep = (target: WakeTarget): HomeKeeper => {
    const known = keepers.get(target.home);
    const isSame =
      known?.target.address === target.address && known?.target.secret === target.secret;
    if (known && isSame) return known.keeper;
    known?.keeper.stop();
    const gone = { everyMs: wake.deadMs, run: declareDead };
    const keeper = createHomeKeeper({ ...parts, target, gone });
    keepers.set(target.home, { keeper, target });
    return keeper;
  };
  /** The first home is there before it has registered: it may be of an earlier version. */
  const first = keep({ home: '', name: '', address: wake.url, secret: wake.secret });
  const refresh = async (): Promise<void> => {
    for (const home of await homes.list()) if (!stopped) keep(targetOf(home));
  };
  let refreshing: Promise<void> | undefined;
  /**
   * What waits for the next reading, which has not begun: one serves many that register at once.
   */
  let waiting: (() => void)[] | undefined;
  /** Rereads the homes, then acts on them. */
  const refreshed = (then: () => void): void => {
    if (waiting) return void waiting.push(then);
    const acts = [then];
    waiting = acts;
    const reread = async (): Promise<void> => {
      waiting = undefined;
      await refresh();
      for (const act of acts) act();
    };
    refreshing = (refreshing ?? Promise.resolve())
      .then(reread)
      .catch((error: unknown) => log.warn({ err: error }, 'reading the homes failed'));
  };
  const lookAtAll = (): void => {
    for (const { keeper } of keepers.values()) keeper.look();
  };
  const withKeeper = (home: HomeSuffix, use: (keeper: HomeKeeper) => void): void => {
    const known = keepers.get(home);
    if (known) return use(known.keeper);
    refreshed(() => use(keepers.get(home)?.keeper ?? first));
  };
  const onControl = (said: Control): void => {
    if (said.kind === 'message' || said.kind === 'release' || said.kind === 'moving') return;
    if (said.kind === 'dead') return withKeeper(suffixOf(said.helper), (keeper) => keeper.look());
    const home = suffixOf(said.home ?? '');
    if (said.kind === 'work') return withKeeper(home, (keeper) => keeper.look());
    if (said.kind === 'home') refreshed(() => keepers.get(home)?.keeper.look());
    else withKeeper(home, (keeper) => keeper.onControl(said));
  };

  return {
    onAccepted(message) {
      withKeeper(routes.guess(message.conversation), (keeper) => keeper.onAccepted(message));
    },
    look(conversation) {
      if (conversation === undefined) return lookAtAll();
      withKeeper(routes.guess(conversation), (keeper) => keeper.look());
    },
    async start() {
      // A VM may have fallen asleep, or registered, while the connection was away.
      const onMissed = (): void =>
        refreshed(() => {
          for (const { keeper } of keepers.values())
            keeper.onControl({ kind: 'asleep', nextDue: 0 });
        });
      const control = await listenToControl(redis, onControl, onMissed, channels.exceptMessages);
      await refresh().catch(async (error: unknown) => {
        await control.stop();
        throw error;
      });
      lookAtAll();
      return {
        async stop() {
          stopped = true;
          for (const { keeper } of keepers.values()) keeper.stop();
          await control.stop();
        },
      };
    },
  };
}
