const TAGS: Readonly<Record<string, string>> = { b: 'B', strong: 'B', i: 'I', em: 'I', u: 'U', s: 'S', del: 'S', strike: 'S', ul: 'LIST', ol: 'LIST=1' }
const ENTITIES: Readonly<Record<string, string>> = { nbsp: ' ', lt: '<', gt: '>', quot: '"', amp: '&' }

/** A comment as a portal keeps it: HTML becomes BB-code, unknown tags vanish. A text read back is not the text that was sent. */
export function bbCode (text: string): string {
  return text
    .replace(/<br\s*\/?>|<\/(p|div)>/gi, '\n')
    .replace(/<a\s[^>]*?href="([^"]*)"[^>]*>/gi, '[URL=$1]')
    .replace(/<\/a>/gi, '[/URL]')
    .replace(/<li(\s[^>]*)?>/gi, '[*]')
    .replace(/<(\/?)([a-z][a-z0-9]*)(\s[^>]*)?>/gi, (_, close: string, tag: string) => {
      const code = TAGS[tag.toLowerCase()]
      return code === undefined ? '' : `[${close}${close === '' ? code : code.replace('=1', '')}]`
    })
    .replace(/&(nbsp|lt|gt|quot|amp);/g, (_, name: string) => ENTITIES[name] ?? '')
}
