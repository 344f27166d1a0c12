import { existsSync } from 'node:fs';
import { keepCompiledCode } from '../shared/runtime/compile-cache.ts';
import { withdrawEnvironment } from '../shared/runtime/withdrawn-environment.ts';

withdrawEnvironment(process.env);
keepCompiledCode();
if (existsSync('.env')) process.loadEnvFile('.env');

// Imported after the compile cache is enabled, so that the cache includes it.
const { runWorkerProcess } = await import('./production.ts');
await runWorkerProcess(process.env);
