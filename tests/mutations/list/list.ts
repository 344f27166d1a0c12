import type { Mutation } from '../mutation.ts';
import { checkpoints } from './checkpoints.ts';
import { edges } from './edges.ts';
import { forgettingList } from './forgetting.ts';
import { fleet } from './fleet.ts';
import { persons } from './people.ts';
import { peoplesHomes } from './homes.ts';
import { ownerView } from './owner-view.ts';
import { readable } from './readable.ts';
import { recovery } from './recovery.ts';
import { relay } from './relay.ts';
import { secrets } from './secrets.ts';
import { boxes } from './shared-boxes.ts';
import { keeping } from './shared-keeping.ts';
import { sending } from './shared-sending.ts';
import { snapshots } from './snapshots.ts';
import { agent } from './worker-agent.ts';
import { backgroundWork } from './worker-background.ts';
import { turns } from './worker-turns.ts';
import { typedChoices } from './typed-choices.ts';
import { watch } from './watch.ts';

/** Every guard of the core whose removal a test must notice. */
export const mutations: readonly Mutation[] = [
  ...relay,
  ...boxes,
  ...sending,
  ...keeping,
  ...turns,
  ...agent,
  ...backgroundWork,
  ...edges,
  ...recovery,
  ...secrets,
  ...persons,
  ...peoplesHomes,
  ...ownerView,
  ...checkpoints,
  ...fleet,
  ...readable,
  ...snapshots,
  ...watch,
  ...forgettingList,
  ...typedChoices,
];
