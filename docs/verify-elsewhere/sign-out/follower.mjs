// Which sessions were ended: follows Gatepost's feed, so that a token is refused soon after its session was ended.
// Needs Node 20 and nothing else. `await start()` before the first request is served, in each process that serves some;
// then `refuses(claims)` for the claims of each token that your library has verified.
import { setTimeout as sleep } from 'node:timers/promises'

const WAIT = 5 // seconds for which Gatepost holds a request if there is nothing new
const PAUSE = 0.1, LONGEST_PAUSE = 2 // seconds before the next request

export class EndedSessions {
  #ended = new Map() // session id: until when that matters
  #since = 0
  #position = { epoch: '', after: 0 }
  #heardAt = -Infinity
  #hasCaughtUp = false

  // Once the feed has been cut for `patience` seconds, `whenCut` decides. "go on": what is known still counts, all else
  // passes. "refuse": every token is refused.
  constructor(gatepost, credential, { whenCut = 'go on', patience = 15 } = {}) {
    if (!['go on', 'refuse'].includes(whenCut)) throw new TypeError("whenCut is 'go on' or 'refuse'")
    const headers = { Authorization: `Bearer ${credential}` }
    Object.assign(this, { url: new URL('/api/revocations', gatepost), headers, whenCut, patience })
  }

  // Follows from now on; resolves once all that ended before is known, or after `patience` seconds without.
  async start() {
    const caughtUp = new Promise((resolve) => this.#follow(resolve))
    await Promise.race([caughtUp, sleep(this.patience * 1000)])
  }

  // Tells whether a token's session was ended, or may have been.
  refuses({ sid, iat }) {
    if (this.#ended.has(sid) || iat < this.#since) return true
    const isCut = !this.#hasCaughtUp || performance.now() - this.#heardAt > this.patience * 1000
    return isCut && this.whenCut === 'refuse'
  }

  async #follow(tellCaughtUp) {
    for (let pause = PAUSE, isNew = true; ; isNew || (await sleep(pause * 1000))) {
      try {
        [isNew, pause] = [await this.#read(), PAUSE]
        if (this.#hasCaughtUp) tellCaughtUp()
      } catch (error) {
        [isNew, pause] = [false, Math.min(2 * pause, LONGEST_PAUSE)]
        console.warn(`The feed of ended sessions is cut: ${error.cause?.message ?? error.message}`)
      }
    }
  }

  // Takes a page; tells whether it brought anything.
  async #read() {
    const wait = this.#hasCaughtUp ? WAIT : 0
    this.url.search = new URLSearchParams({ ...this.#position, wait })
    const signal = AbortSignal.timeout((wait + WAIT) * 1000)
    const answer = await fetch(this.url, { headers: this.headers, redirect: 'error', signal })
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`)
    const { epoch, last, since, ended } = await answer.json()
    for (const { sid, until } of ended) this.#ended.set(sid, until)
    for (const [sid, until] of this.#ended) if (until * 1000 <= Date.now()) this.#ended.delete(sid)
    this.#since = Math.max(this.#since, since)
    this.#position = { epoch, after: last }
    this.#heardAt = performance.now()
    this.#hasCaughtUp ||= !ended.length
    return ended.length > 0
  }
}
