import {createHash} from 'node:crypto'
import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {inTurn} from './turn.mjs'
import {inClone, root, SetupError} from './where.mjs'

/** The program in few files: starts in half the time that Ink's 400 modules take. */
export const program = inClone('dist', 'lastgood.js')

/** What is loaded when it is first needed, such as the client of S3: a third of all, and a seventh of the time to start. */
const parts = inClone('dist', 'parts')

const stamp = inClone('dist', '.built-from')

/** Bundles src/main.tsx, unless the bundle was made from the very same sources. */
export async function buildProgram() {
	if (isBuilt()) return
	await inTurn(async () => {
		if (isBuilt()) return
		const builtFrom = fingerprint()
		const files = await bundle()
		mkdirSync(parts, {recursive: true})
		// Each file appears whole: a recovery or a test may be starting the program at this moment.
		for (const {path, contents} of files) {
			const unfinished = `${path}.${process.pid}`
			writeFileSync(unfinished, contents, {mode: path === program ? 0o755 : 0o644})
			renameSync(unfinished, path)
		}
		removeOldParts(new Set(files.map(({path}) => path)))
		writeFileSync(stamp, builtFrom)
	})
}

async function bundle() {
	const {build} = await import('esbuild')
	try {
		const {outputFiles} = await build({
			absWorkingDir: root,
			entryPoints: {lastgood: 'src/main.tsx'},
			outdir: dirname(program),
			splitting: true,
			chunkNames: 'parts/[name]-[hash]',
			write: false,
			bundle: true,
			platform: 'node',
			format: 'esm',
			target: 'node22.15',
			jsx: 'automatic',
			minifySyntax: true,
			sourcemap: 'linked',
			legalComments: 'linked',
			logLevel: 'warning',
			// Without it React draws with its development build, two to three times slower.
			define: {'process.env.NODE_ENV': '"production"'},
			// Ink asks for the devtools only under DEV=true; the bundler wants the package to exist.
			alias: {'react-devtools-core': './src/setup/devtools-stub.js'},
			// Optional for pg, and compiled where it exists.
			external: ['pg-native'],
			// Some dependencies are CommonJS and require node's own modules.
			banner: {
				js: "import {createRequire as createRequireForBundle} from 'node:module'; const require = createRequireForBundle(import.meta.url);",
			},
		})
		return outputFiles.sort(file => (file.path === program ? 1 : -1))
	} catch (error) {
		// esbuild has printed them.
		if (Array.isArray(error.errors)) throw new SetupError('the program could not be bundled, see above')
		throw error
	}
}

/** A program that started before this build may still ask for its parts: they stay for a day. */
function removeOldParts(current) {
	for (const name of readdirSync(parts)) {
		const path = join(parts, name)
		if (!current.has(path) && Date.now() - statSync(path).mtimeMs > 86_400_000) rmSync(path)
	}
}

function isBuilt() {
	try {
		return readFileSync(stamp, 'utf8') === fingerprint() && readFileSync(program).length > 0
	} catch {
		return false
	}
}

/** Contents, not times: a checkout may give files older times than the bundle has. */
function fingerprint() {
	const hash = createHash('sha256')
	const files = [inClone('package.json'), inClone('package-lock.json'), ...filesIn(inClone('src'))]
	for (const file of files)
		hash
			.update(`${file.slice(root.length)}\0`)
			.update(readFileSync(file))
			.update('\0')
	return hash.digest('hex')
}

function filesIn(folder) {
	return readdirSync(folder, {withFileTypes: true})
		.sort((a, b) => (a.name < b.name ? -1 : 1))
		.flatMap(entry => (entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)]))
}
