import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startChild, untilReady } from '../../simulator/child-process.ts';
import type { Child } from '../../simulator/child-process.ts';
import { freePort } from '../../simulator/free-port.ts';
import { scaled } from './machine-speed.ts';
import type { Pipeline } from './pipeline.ts';

/** Ends a process as a crash or a power cut does, and waits until it is gone. */
export async function crash(child: Child): Promise<void> {
  child.process.kill('SIGKILL');
  await child.exited;
}

/** The same at the pipeline's end, for one that still runs then: its test has failed. */
const crashAtEnd = (pipeline: Pipeline, child: Child): void => pipeline.atEnd(() => crash(child));

type WorkerProcess = Child & { logFile: string; url: string };

/**
 * Starts a worker as a process of its own, with the agent of worker-main.ts. It may have ended by
 * now.
 */
export async function beginWorkerProcess(
  pipeline: Pipeline,
  environment: Record<string, string> = {},
): Promise<WorkerProcess> {
  await mkdir(pipeline.dataDir, { recursive: true });
  const port = await freePort(0);
  const logFile = path.join(pipeline.dataDir, `worker-${port}.log`);
  const child = startChild({
    entry: 'tests/support/worker-main.ts',
    logFile,
    searchPath: process.env['PATH'] ?? '',
    environment: {
      ...pipeline.environment,
      PORT: String(port),
      WORKER_ID: 'vm',
      STOP_SECONDS: '4',
      TEST_LEASE_MS: String(scaled(1500)),
      ...environment,
    },
  });
  crashAtEnd(pipeline, child);
  return { ...child, logFile, url: `http://127.0.0.1:${port}` };
}

/** The same, and waits until it is ready. */
export async function startWorkerProcess(
  pipeline: Pipeline,
  environment: Record<string, string> = {},
): Promise<WorkerProcess> {
  const worker = await beginWorkerProcess(pipeline, environment);
  await untilReady(worker, `${worker.url}/health`, worker.logFile);
  return worker;
}

/**
 * Starts the relay as a process of its own, at the pipeline's address, and waits until it is ready.
 */
export async function startRelayProcess(
  pipeline: Pipeline,
  environment: Record<string, string> = {},
): Promise<Child> {
  await mkdir(pipeline.dataDir, { recursive: true });
  const logFile = path.join(pipeline.dataDir, 'relay.log');
  const child = startChild({
    entry: 'relay/main.ts',
    logFile,
    searchPath: process.env['PATH'] ?? '',
    environment: { ...pipeline.environment, ...environment },
  });
  crashAtEnd(pipeline, child);
  await untilReady(child, `${pipeline.relayUrl}/health`, logFile);
  return child;
}
