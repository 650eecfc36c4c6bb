import { executable } from './places.mjs'
import { place } from './lock.mjs'
import { onPath, run } from './programs.mjs'
import { Missing, mindTheRoom, reasonIn } from './words.mjs'

/** Unpacks one Python package into a folder. Gives null, or why that failed, as part of a sentence. */
export async function pip (what, target) {
  const python = ['python3', 'python'].find(name => onPath(executable(name)))
  if (python === undefined) return 'there is no pip to bring it'
  try {
    await place(target, async (folder) => {
      const result = await run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--disable-pip-version-check', '--no-compile', '--target', folder, what])
      if (result.code === 0) return
      mindTheRoom(result.output)
      if (/No module named pip/.test(result.output)) throw new Failed('there is no pip to bring it')
      throw new Failed(`pip could not bring it: ${reasonIn(result.output, /^ERROR: (.+)/)}`)
    })
    return null
  } catch (error) {
    if (error instanceof Failed) return error.message
    throw error
  }
}

class Failed extends Missing {}
