/**
 * How every process of dealbridge is started: `node <flags> src/main/cli.ts`.
 *
 * The young generation of the heap is held at 3 x 8 MB. Left alone, V8 lets it grow to 3 x 64 MB under load and does not give
 * it back: the dispatcher then held 267 MB after 300 deals instead of 180. Only the command line can set it, so package.json, the
 * first line of cli.ts and the Dockerfile repeat it, and a test compares them.
 * Source: nodejs.org, command-line API, --max-semi-space-size.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=8']
