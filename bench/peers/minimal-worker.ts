import { Worker } from 'bullmq';
import { Redis } from 'ioredis';

/**
 * The smallest worker on BullMQ, to compare starts with: it does nothing with its jobs. Queue and
 * Redis are in the first argument, as JSON.
 */
const { redisUrl, queue, prefix } = JSON.parse(process.argv[2] ?? '{}') as {
  redisUrl: string;
  queue: string;
  prefix: string;
};

const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
const worker = new Worker(queue, async () => 'done', { connection, prefix, name: 'minimal#1' });
worker.on('error', () => undefined);
// An explicit exit, so that Node keeps its compiled code.
process.on('SIGTERM', () => process.exit(0));
