import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { openapi } from '../openapi.ts'

/**
 * `/` and `/openapi.json`. The page is one file without any outside request; its script and style are allowed by their
 * hashes alone, so that nothing a deal's title holds can ever run.
 */
export function pageRoutes (app: FastifyInstance): void {
  const html = readFileSync(new URL('../page.html', import.meta.url), 'utf8')
  const policy = ['default-src \'none\'', `script-src ${hashOf(html, 'script')}`, `style-src ${hashOf(html, 'style')}`, 'connect-src \'self\'',
    'img-src data:', 'base-uri \'none\'', 'form-action \'none\'', 'frame-ancestors \'none\''].join('; ')
  app.get('/', async (request, reply) => {
    const lang = languageOf(request.headers['accept-language'] ?? '')
    return await reply.type('text/html; charset=utf-8').header('content-security-policy', policy).header('vary', 'Accept-Language')
      .header('cache-control', 'no-cache').send(html.replace('<html lang="en">', `<html lang="${lang}">`))
  })
  app.get('/openapi.json', () => openapi())
}

function hashOf (html: string, tag: 'script' | 'style'): string {
  const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

function languageOf (accepted: string): 'ru' | 'en' {
  const first = accepted.split(',').map(part => part.trim().slice(0, 2).toLowerCase()).find(tag => tag === 'ru' || tag === 'en')
  return first === 'ru' ? 'ru' : 'en'
}
