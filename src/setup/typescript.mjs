import {readFileSync} from 'node:fs'
import {registerHooks} from 'node:module'
import {fileURLToPath} from 'node:url'
import {transformSync} from 'esbuild'

// Node strips types from .ts and refuses .tsx; the scripts under test/ that are run directly draw screens.
registerHooks({
	load(url, context, nextLoad) {
		if (!url.startsWith('file:') || !/\.tsx?$/.test(url)) return nextLoad(url, context)
		const file = fileURLToPath(url)
		const {code} = transformSync(readFileSync(file, 'utf8'), {
			sourcefile: file,
			loader: file.endsWith('.tsx') ? 'tsx' : 'ts',
			format: 'esm',
			target: 'node22.15',
			jsx: 'automatic',
			sourcemap: 'inline',
			// The screens are drawn with the React that the bundle has.
			define: {'process.env.NODE_ENV': '"production"'},
		})
		return {format: 'module', source: code, shortCircuit: true}
	},
})
