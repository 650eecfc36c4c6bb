/** How one server is started: the command runs in a process group of its own, with its output in `logFile`. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly user?: number
}

/**
 * One server of the local parts.
 *
 * `marker` is one whole argument of its command line that no other process has: it tells a live server from a pid that the
 * system has given to something else. `prepare` makes the data when there is none and may be cut off at any point.
 * `probe` throws while the server does not answer. `stop` is the signal that ends it cleanly.
 */
export interface Part {
  readonly name: string
  readonly ports: readonly number[]
  readonly marker: string
  readonly pidFile: string
  readonly logFile: string
  readonly stop: 'SIGTERM' | 'SIGINT'
  readonly prepare: () => Promise<void>
  readonly launch: () => Launch
  readonly probe: () => Promise<void>
}

/**
 * Where the parts of one folder are: absolute `dir`, its port base, number of brokers, the id of its Kafka cluster.
 * `advertisedPort`: the port that broker 1 sends its clients to instead of its own, for whoever puts a proxy before it.
 */
export interface Place {
  readonly dir: string
  readonly portBase: number
  readonly brokers: 1 | 3
  readonly clusterId: string
  readonly advertisedPort?: number | undefined
}
