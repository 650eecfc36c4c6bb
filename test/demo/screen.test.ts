import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { openScreen } from '../../demo/screen.ts'

class Terminal extends EventEmitter {
  columns = 10
  rows = 3
  text = ''
  write (text: string): void { this.text += text }
  taken (): string { const { text } = this; this.text = ''; return text }
}

test('a picture is cut to the terminal\'s width and height, and never wraps or scrolls', () => {
  const terminal = new Terminal()
  const screen = openScreen(terminal)
  terminal.taken()
  screen.draw(['0123456789', '0123456789x', 'Насосы № 1234', 'beyond'])
  assert.equal(terminal.taken(), '\u001b[H0123456789\u001b[K\r\n012345678…\u001b[K\r\nНасосы № …\u001b[K\u001b[J')
})

test('the same picture again writes nothing, another one never clears the whole screen first', () => {
  const terminal = new Terminal()
  const screen = openScreen(terminal)
  screen.draw(['one'])
  terminal.taken()
  screen.draw(['one'])
  assert.equal(terminal.taken(), '')
  screen.draw(['two'])
  assert.doesNotMatch(terminal.taken(), /\u001b\[2J/)
})

test('another size of the terminal draws the last picture anew', () => {
  const terminal = new Terminal()
  const screen = openScreen(terminal)
  screen.draw(['0123456789x'])
  terminal.taken()
  terminal.columns = 20
  terminal.emit('resize')
  assert.match(terminal.taken(), /0123456789x/)
})

test('the end gives cursor and former screen back, once, and draws nothing after it', () => {
  const terminal = new Terminal()
  const screen = openScreen(terminal)
  assert.equal(terminal.taken(), '\u001b[?1049h\u001b[?25l')
  screen.close()
  screen.close()
  screen.draw(['late'])
  assert.equal(terminal.taken(), '\u001b[?25h\u001b[?1049l')
  assert.equal(terminal.listenerCount('resize'), 0)
})
