/*
 * Metrics server: a run's numbers over http, for machines that watch it.
 *
 *   GET /metrics   for Prometheus
 *   GET /health    200 and {"status":"healthy"}, or 503 and what is not as it should be
 *
 * It listens on loopback alone and changes nothing: whoever watches from elsewhere puts a proxy with a lock before it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fault } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import type { Metrics } from './metrics.ts'

const HOST = '127.0.0.1'
/** Of a request's head; there is nothing else to read. */
const HEAD_MS_MAX = 5_000
const CONNECTIONS_MAX = 32

export interface MetricsServerOptions {
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>
  /** What is not as it should be, in words; none where all is well. */
  readonly ailments: () => readonly string[]
  /** 0 for any that is free. */
  readonly port: number
}

export interface MetricsServer {
  readonly url: string
  close(): Promise<void>
}

/** Fails where the port is taken. */
export function serveMetrics(options: MetricsServerOptions): Promise<Result<MetricsServer>> {
  const server = createServer({ headersTimeout: HEAD_MS_MAX, requestTimeout: HEAD_MS_MAX })
  server.maxConnections = CONNECTIONS_MAX
  server.on('request', (request, response) => void answer(request, response, options))
  return new Promise((resolve) => {
    server.once('error', (error) => {
      const why = `metrics cannot be served on ${HOST}:${options.port}: ${error.message}`
      resolve(failed(fault('bad-request', `${why}; give another port`)))
    })
    server.listen(options.port, HOST, () => {
      const { port } = server.address() as AddressInfo
      resolve(ok({ url: `http://${HOST}:${port}/metrics`, close: () => closed(server) }))
    })
    // A run that is over is not kept alive by whoever might still ask.
    server.unref()
  })
}

async function answer(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  { metrics, ailments }: MetricsServerOptions,
): Promise<void> {
  const [path] = url.split('?')
  const give = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(method === 'HEAD' ? undefined : body)
  }
  if (method !== 'GET' && method !== 'HEAD') {
    give(405, 'text/plain', 'it can only be read\n')
    return
  }
  if (path === '/metrics') {
    try {
      give(200, metrics.contentType, await metrics.text())
    } catch (error) {
      give(500, 'text/plain', `the metrics cannot be read: ${String(error)}\n`)
    }
    return
  }
  if (path !== '/health') {
    give(404, 'text/plain', 'there is /metrics and /health\n')
    return
  }
  const found = ailments()
  const body = found.length === 0 ? { status: 'healthy' } : { status: 'unhealthy', ailments: found }
  give(found.length === 0 ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
}

const closed = (server: ReturnType<typeof createServer>): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
