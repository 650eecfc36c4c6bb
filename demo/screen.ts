/** What a screen needs of a terminal; `process.stdout` is one. */
export interface Terminal {
  readonly columns: number
  readonly rows: number
  write (text: string): unknown
  on (event: 'resize', listener: () => void): unknown
  off (event: 'resize', listener: () => void): unknown
}

export interface Screen {
  draw (lines: readonly string[]): void
  /** Gives the terminal back as it was. Safe to call twice. */
  close (): void
}

const ESC = '\u001b['
// The other screen of the terminal, without a cursor: what stood there before comes back at the end, and nothing scrolls.
const OPEN = `${ESC}?1049h${ESC}?25l`
const CLOSE = `${ESC}?25h${ESC}?1049l`
const [HOME, REST_OF_LINE, REST_OF_SCREEN] = [`${ESC}H`, `${ESC}K`, `${ESC}J`]

/**
 * A picture that stays where it is. Lines are written over the old ones, never after clearing them, cut to the terminal's
 * size, and only when something changed; another size draws the last picture anew. Lines have one column per character.
 */
export function openScreen (terminal: Terminal): Screen {
  let last: readonly string[] = []
  let shown = ''
  let open = true
  const paint = (): void => {
    const text = fit(last, terminal).map(line => line + REST_OF_LINE).join('\r\n')
    if (text === shown) return
    shown = text
    terminal.write(HOME + text + REST_OF_SCREEN)
  }
  const resized = (): void => { shown = ''; paint() }
  terminal.write(OPEN)
  terminal.on('resize', resized)
  return {
    draw (lines) {
      if (!open) return
      last = lines
      paint()
    },
    close () {
      if (!open) return
      open = false
      terminal.off('resize', resized)
      terminal.write(CLOSE)
    }
  }
}

function fit (lines: readonly string[], { columns, rows }: Pick<Terminal, 'columns' | 'rows'>): string[] {
  return lines.slice(0, rows).map((line) => {
    const letters = [...line]
    return letters.length <= columns ? line : `${letters.slice(0, columns - 1).join('')}…`
  })
}
