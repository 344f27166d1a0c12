/**
 * Node's `node:http`. An `import` of it reads every export, also `WebSocket`, for which Node loads
 * its whole fetch: 42 ms of CPU and 14 MB at each start (Node 24.21). This does not.
 */
export const http = process.getBuiltinModule('node:http');
