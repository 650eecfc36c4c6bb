// The health check of a container: exit code 0 when the address answers 2xx within 4 s, else 1 with the reason.
// By Node, since the image has no curl: node deploy/ready.mjs http://127.0.0.1:8090/readyz
try {
  const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(4000) })
  process.stdout.write(`${response.status} ${(await response.text()).slice(0, 500)}\n`)
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
