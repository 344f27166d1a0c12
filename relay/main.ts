import { existsSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { keepCompiledCode } from '../shared/runtime/compile-cache.ts';
import { withdrawEnvironment } from '../shared/runtime/withdrawn-environment.ts';
import { keepHeapSmall } from './small-heap.ts';

withdrawEnvironment(process.env);
keepCompiledCode();
if (existsSync('.env')) process.loadEnvFile('.env');

// Loaded here so that the cache contains it.
const { runRelayProcess } = await import('./production.ts');
// Cached code is tied to the engine's current flags, so the cache is written before they change.
flushCompileCache();
keepHeapSmall();
await runRelayProcess(process.env);
