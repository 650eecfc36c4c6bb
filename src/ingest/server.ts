import Fastify from 'fastify'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../platform/logger.ts'
import { answerBroken } from './broken.ts'
import { parseForm } from './form.ts'
import { parseJson } from './json.ts'
import { keyOf, refuse } from './routes/answer.ts'
import type { Desk } from './routes/answer.ts'
import { registerTransferRoutes } from './routes/transfers.ts'
import { registerPortalRoutes, secretOf } from './routes/webhook-bitrix24.ts'
import { registerDealRoute } from './routes/webhook-deal.ts'
import type { ErrorType } from './telemetry.ts'

const LARGEST_BODY = 256 * 1024

/**
 * The HTTP side of ingest: bodies of 256 KB, 10 s to send one, JSON and forms alone, nothing compressed.
 *
 * There is no load shedding and no rate limit on purpose: a portal never sends again, so a refused webhook is a lost one.
 */
export function buildServer (desk: Desk & { isPortal (name: string): boolean }): FastifyInstance {
  const app = Fastify({
    bodyLimit: LARGEST_BODY,
    requestTimeout: 10_000,
    http: { connectionsCheckingInterval: 5000 },
    logger: false,
    trustProxy: false,
    requestIdHeader: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    // An address that cannot be decoded: the framework's own answer would repeat it.
    frameworkErrors: (error, request, reply) => { void fail(desk, request, reply, error) },
    clientErrorHandler: (error, socket) => answerBroken(error, socket, desk.telemetry)
  })
  app.removeAllContentTypeParsers()
  // Null stands for "malformed": whether that may be said depends on who asks, and only the route knows.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => done(null, parseJson(text as string)))
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, text, done) => done(null, parseForm(text as string)))
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers['content-encoding'] === undefined) return done()
    done(Object.assign(new Error('compressed bodies are refused'), { statusCode: 415 }))
  })
  app.setErrorHandler((error: FastifyError, request, reply) => fail(desk, request, reply, error))
  app.setNotFoundHandler((request, reply) => {
    // A path that is nearly right is a wrong secret, and answered like one.
    if (request.url.startsWith('/webhook/bitrix24/')) return refuse(desk, request, reply, { type: 'authentication', reason: 'secret' })
    return reply.code(404).header('content-type', 'application/problem+json; charset=utf-8').send('{"type":"about:blank","title":"Not Found","status":404}')
  })
  app.server.on('connection', (socket) => {
    desk.telemetry.connected()
    socket.once('close', () => { desk.telemetry.disconnected() })
  })
  registerDealRoute(app, desk)
  registerPortalRoutes(app, desk)
  registerTransferRoutes(app, desk)
  return app
}

// eslint-disable-next-line max-params -- the three of the framework and what they need
function fail (desk: Desk, request: FastifyRequest, reply: FastifyReply, error: FastifyError): FastifyReply {
  const type = typeOf(error.statusCode ?? 500)
  if (type === 'internal') desk.logger.log('error', 'webhook_failed', { error: messageOf(error), path: request.routeOptions.url ?? 'none' })
  // A stranger is told that it is one, whatever else is wrong with its request.
  if (type !== 'internal' && !isKnown(desk, request)) return refuse(desk, request, reply, { type: 'authentication', reason: 'key' })
  return refuse(desk, request, reply, { type, detail: DETAILS[type] })
}

function isKnown (desk: Desk, request: FastifyRequest): boolean {
  const secret = secretOf(request)
  return secret === null ? desk.callers.hasKey(keyOf(request)) : desk.callers.hasSecret(secret)
}

const DETAILS: Record<ErrorType, string> = {
  validation: 'the request is malformed',
  authentication: '',
  too_large: 'the body is larger than 256 KB',
  media_type: 'only application/json and application/x-www-form-urlencoded, not compressed',
  unavailable: 'try again',
  internal: 'a mistake of ours; the webhook was not taken'
}

function typeOf (status: number): ErrorType {
  if (status === 413) return 'too_large'
  if (status === 415) return 'media_type'
  return status >= 400 && status < 500 ? 'validation' : 'internal'
}
