// The packages of package-lock.json, Node 24 among them.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { modules, root, windows } from './places.mjs'
import { onPath, run } from './programs.mjs'
import { Missing, mindTheRoom, readText, reasonIn, say } from './words.mjs'

const stampFile = path.join(modules, '.dealbridge-stamp')
const AWAY = /^(E(NOTFOUND|CONNREFUSED|CONNRESET|TIMEDOUT|AI_AGAIN|NETUNREACH|HOSTUNREACH)|ERR_SOCKET_TIMEOUT|FETCH_ERROR|E5\d\d)$/

export function packagesAreCurrent () {
  return readText(stampFile) === lockStamp() && fs.existsSync(path.join(modules, '.bin', windows ? 'node.cmd' : 'node'))
}

export async function installPackages () {
  const stamp = lockStamp()
  say('installing the packages of package-lock.json')
  const flags = ['ci', '--engine-strict=false', '--no-audit', '--no-fund', '--loglevel=error']
  // Not the node on PATH: on a second start that is the one which npm ci is about to delete.
  const { npm_node_execpath: node, npm_execpath: npm } = process.env
  const bin = path.join(modules, '.bin')
  const PATH = (process.env.PATH ?? '').split(path.delimiter).filter(folder => path.resolve(folder) !== bin).join(path.delimiter)
  const known = node && npm && fs.existsSync(node) && fs.existsSync(npm) && !node.startsWith(modules + path.sep)
  if (!known && !onPath(windows ? 'npm.cmd' : 'npm')) throw new Missing('npm is missing; install it with: apt-get install -y npm')
  const [command, ...args] = known ? [node, npm, ...flags] : [windows ? 'npm.cmd' : 'npm', ...flags]
  const result = await run(command, args, { cwd: root, env: { ...process.env, PATH }, shell: windows && !known })
  if (result.code !== 0) throw new Missing(sentenceAbout(result.output))
  linkNode()
  fs.writeFileSync(stampFile, stamp)
}

function lockStamp () {
  return createHash('sha256').update(fs.readFileSync(path.join(root, 'package-lock.json'))).digest('hex')
}

// npm 9 and older say ERR!, newer ones error.
function sentenceAbout (output) {
  mindTheRoom(output)
  const code = /npm (?:error|ERR!) code (\S+)/.exec(output)?.[1] ?? ''
  if (AWAY.test(code)) return `The npm registry cannot be reached (${code}), so the packages are missing; see why with: npm ping`
  return `The packages could not be installed (${reasonIn(output, /^npm (?:error|ERR!) (?!code |errno |syscall |path )(.+)/)}); see why with: npm ci --engine-strict=false`
}

// npm 10 and older delete .bin/node while pruning the packages of other platforms.
function linkNode () {
  if (windows) return
  const packages = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  const found = packages.find(name => fs.existsSync(path.join(modules, name, 'bin', 'node')))
  if (found === undefined) throw new Missing(`There is no packaged Node 24 for ${process.platform}-${process.arch}; install Node 24 and link it with: ln -s "$(command -v node)" node_modules/.bin/node`)
  const link = path.join(modules, '.bin', 'node')
  const fresh = `${link}.${process.pid}`
  fs.symlinkSync(path.join('..', found, 'bin', 'node'), fresh)
  fs.renameSync(fresh, link)
}
