import type { Section } from '../section.ts';
import { measureAccepting } from './accepting.ts';
import { measureThroughput } from './throughput.ts';

export const scaleSection: Section = {
  name: 'scale',
  title: 'Many homes, many people',
  method:
    'First: 1, 2, 4 and 8 homes, each a worker process with its own disk, share one Redis; each runs four turns at once, as a VM of 4 GB does, with an agent that waits a second. All 24 people of each home write at once, and what is measured is the time until the last answer is sent; linear is what one home did, times their number. It only says something while the machine has time to spare, so its use is printed. Then: a relay as in production with 50 homes and 10,000 people in its Redis, next to one with a home and 100 people, in turn: signed webhooks over 10 connections, of a hundred people in both. A person’s first message places nobody here: everybody has written once.',
  async run(options) {
    const { rows, notes, plot } = await measureThroughput(options);
    const accepting = await measureAccepting(options);
    return {
      rows: [...rows, ...accepting.rows],
      notes: [...notes, ...accepting.notes],
      plots: options.quick ? [] : [plot],
    };
  },
};
