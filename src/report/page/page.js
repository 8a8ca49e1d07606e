// Page: draws the report in a browser, from the JSON beside it. Everything that comes from data goes through
// textContent: names are never markup.
'use strict'
{
  const data = JSON.parse(document.getElementById('report').textContent)
  const { manifest, summary, total } = data
  const NONE = '–'
  const MINUTE = 60_000

  // Formats.

  const cents = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  })
  const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
  const loose = new Intl.NumberFormat('en-US', { maximumFractionDigits: 8 })
  const prices = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: 6,
  })
  const money = (value) => cents.format(Math.abs(value) < 0.005 ? 0 : value)
  const signed = (value) => (value >= 0.005 ? '+' : '') + money(value)
  const percent = (fraction) => `${money(fraction * 100)}%`
  const orNone = (value, format) => (value === null ? NONE : format(value))
  const time = (at) => new Date(at).toISOString().slice(0, 16).replace('T', ' ')
  const tone = (value) => (value > 0.005 ? 'up' : value < -0.005 ? 'down' : '')
  const plural = (count, noun) => `${whole.format(count)} ${noun}${count === 1 ? '' : 's'}`

  function duration(lengthMs) {
    const units = [
      ['d', 24 * 60 * MINUTE],
      ['h', 60 * MINUTE],
      ['m', MINUTE],
      ['s', 1_000],
    ]
    const first = units.findIndex(([, unit]) => lengthMs >= unit)
    if (first < 0) return `${Math.round(lengthMs)}ms`
    const [name, unit] = units[first]
    const text = `${Math.floor(lengthMs / unit)}${name}`
    const next = units[first + 1]
    const rest = next === undefined ? 0 : Math.floor((lengthMs % unit) / next[1])
    return rest === 0 ? text : `${text} ${rest}${next[0]}`
  }

  // Elements.

  function element(tag, attributes, ...children) {
    const node = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name === 'class') node.className = value
      else if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
      else node.setAttribute(name, value)
    }
    node.append(...children.filter((child) => child !== undefined))
    return node
  }

  const card = (title, note, ...children) =>
    element(
      'section',
      { class: 'card' },
      element(
        'div',
        { class: 'head' },
        element('h2', {}, title),
        element('span', { class: 'soft' }, note),
      ),
      ...children,
    )

  // Parts.

  function heading() {
    const names = manifest.strategies.map(({ name }) => name).join(', ') || 'no strategy'
    const period =
      summary.fromAt === null
        ? 'no data'
        : `${time(summary.fromAt)} to ${time(summary.toAt)} UTC · ${plural(summary.daily.days, 'day')}`
    const source = `${plural(manifest.universe.length, 'symbol')} · ${manifest.data.source}`
    return element(
      'header',
      { class: 'top' },
      element(
        'div',
        {},
        element('h1', {}, element('span', { class: 'badge' }, manifest.mode), names),
        element('p', { class: 'soft' }, `${period} · ${source}`),
      ),
      element(
        'div',
        { class: 'soft' },
        element('span', { class: 'brand' }, 'Skein'),
        ` ${manifest.versions.skein}`,
      ),
    )
  }

  function tiles() {
    const { drawdown, daily, exposure } = summary
    const few =
      daily.days < 2
        ? 'too few days to tell'
        : `${plural(daily.days, 'day')}${daily.days < 20 ? ': few' : ''}`
    const factor =
      total.profitFactor === null
        ? total.wins > 0
          ? 'no losses'
          : NONE
        : money(total.profitFactor)
    const recovery = drawdown === null || drawdown.recoveredAt !== null ? '' : ', not recovered'
    const tile = (label, value, note, style = '') =>
      element(
        'div',
        { class: 'card tile' },
        element('div', { class: 'label' }, label),
        element('div', { class: `value ${style}` }, value),
        element('div', { class: 'note' }, note),
      )
    return element(
      'section',
      { class: 'tiles' },
      tile(
        'Change of equity',
        signed(summary.change),
        `${summary.changeFraction === null ? '' : `${summary.changeFraction > 0 ? '+' : ''}${percent(summary.changeFraction)} · `}${money(summary.equityStart)} to ${money(summary.equityEnd)} ${manifest.currency}`,
        tone(summary.change),
      ),
      tile(
        'Net profit, closed',
        signed(total.net),
        `${money(total.fees)} fees paid · ${signed(summary.openProfit)} still open`,
        tone(total.net),
      ),
      tile(
        'Maximum drawdown',
        drawdown === null ? 'none' : `-${percent(drawdown.fraction)}`,
        drawdown === null
          ? 'equity never fell'
          : `${money(drawdown.amount)} · ${duration(drawdown.durationMs)}${recovery}`,
      ),
      tile(
        'Sharpe ratio',
        orNone(daily.sharpe, money),
        `Sortino ${orNone(daily.sortino, money)} · ${few}`,
      ),
      tile(
        'Round trips',
        whole.format(total.trips),
        `${total.wins} won, ${total.losses} lost${total.breakEven > 0 ? `, ${total.breakEven} even` : ''}`,
      ),
      tile(
        'Win rate',
        orNone(total.winRate, percent),
        `streaks: ${total.longestWinStreak} won, ${total.longestLossStreak} lost`,
      ),
      tile(
        'Profit factor',
        factor,
        `win ${orNone(total.averageWin, signed)} · loss ${orNone(total.averageLoss, signed)}`,
      ),
      tile(
        'Mean exposure',
        percent(exposure.meanFraction),
        `of equity · in the market ${percent(exposure.timeInMarket)}`,
      ),
    )
  }

  function warnings() {
    if (data.warnings.length === 0) return undefined
    return element(
      'section',
      { class: 'card warnings' },
      element('h2', {}, 'Mind that'),
      element('ul', {}, ...data.warnings.map((warning) => element('li', {}, warning))),
    )
  }

  /** A table that sorts by its headings. A column is [title, value of a row, text of a value, style]. */
  function table({ columns, rows, sortBy, onPick, page = Infinity }) {
    let column = sortBy
    let direction = -1
    let shown = page
    const body = element('tbody')
    const more = element('button', {
      class: 'more',
      type: 'button',
      onclick: () => {
        shown += page
        fill()
      },
    })
    const headings = columns.map(([title, , , style], i) =>
      element(
        'th',
        { class: style === 'left' ? 'left' : '', scope: 'col' },
        element(
          'button',
          {
            type: 'button',
            onclick: () => {
              direction = i === column ? -direction : -1
              column = i
              fill()
            },
          },
          title,
        ),
      ),
    )
    function fill(given) {
      if (given !== undefined) {
        rows = given
        shown = page
      }
      const value = columns[column][1]
      const sorted = rows.toSorted((a, b) => {
        const [left, right] = [value(a), value(b)]
        if (left === right) return 0
        if (left === null || right === null) return left === null ? 1 : -1
        return (left < right ? -1 : 1) * direction
      })
      headings.forEach((heading, i) => {
        if (i === column)
          heading.setAttribute('aria-sort', direction < 0 ? 'descending' : 'ascending')
        else heading.removeAttribute('aria-sort')
      })
      body.replaceChildren(...sorted.slice(0, shown).map((row) => line(row)))
      more.hidden = sorted.length <= shown
      more.textContent = `Show more, ${whole.format(sorted.length - shown)} are left`
    }
    function line(row) {
      const cells = columns.map(([, value, text, style]) => {
        const it = value(row)
        const css = style === 'tone' && it !== null ? tone(it) : style === 'left' ? 'left' : ''
        return element('td', css === '' ? {} : { class: css }, it === null ? NONE : text(it))
      })
      return element(
        'tr',
        onPick === undefined ? {} : { class: 'link', onclick: () => onPick(row) },
        ...cells,
      )
    }
    fill()
    const head = element('thead', {}, element('tr', {}, ...headings))
    return { node: element('div', { class: 'wide' }, element('table', {}, head, body), more), fill }
  }

  const groupColumns = (noun) => [
    [noun, (row) => row.name, String, 'left'],
    ['Trips', (row) => row.trips, whole.format],
    ['Win rate', (row) => row.winRate, percent],
    ['Factor', (row) => row.profitFactor, money],
    ['Net', (row) => row.net, signed, 'tone'],
    ['Fees', (row) => row.fees, money],
    ['Worst', (row) => row.largestLoss, signed],
    ['Held', (row) => row.averageHeldMs, duration],
  ]

  const tripColumns = [
    ['Exit, UTC', (trip) => trip.exitAt, time, 'left'],
    ['Symbol', (trip) => trip.symbol, String, 'left'],
    ['Strategy', (trip) => trip.strategy, String, 'left'],
    ['Side', (trip) => trip.side, String, 'left'],
    ['Quantity', (trip) => trip.qty, loose.format],
    ['Entry', (trip) => trip.entryPrice, prices.format],
    ['Exit', (trip) => trip.exitPrice, prices.format],
    ['Held', (trip) => trip.heldMs, duration],
    ['By', (trip) => trip.exit, String, 'left'],
    ['Fees', (trip) => trip.fees, money],
    ['Net', (trip) => trip.net, signed, 'tone'],
    ['Net %', (trip) => trip.netFraction, percent, 'tone'],
  ]

  function facts() {
    const { work, data: source, hashes, versions } = manifest
    const code = (value) =>
      element('code', {}, typeof value === 'string' ? value : JSON.stringify(value))
    const rows = [
      ['Command', code(manifest.command)],
      [
        'Data',
        `${source.source} · ${source.kind}${source.timeframe === null ? '' : ` of ${source.timeframe}`}`,
      ],
      [
        'Asked for',
        source.fromAt === null || source.toAt === null
          ? NONE
          : `${time(source.fromAt)} to ${time(source.toAt)} UTC`,
      ],
      ...manifest.strategies.map(({ name, symbols, params }) => [
        'Strategy',
        element('span', {}, `${name} on ${plural(symbols.length, 'symbol')} `, code(params)),
      ]),
      ['Universe', manifest.universe.join(' ')],
      ['Costs', code(manifest.costs)],
      ['Risk', code(manifest.risk)],
      ['Seeds', code(manifest.seeds)],
      ['State hash', code(hashes.state ?? NONE)],
      ['Intent hash', code(hashes.intents ?? NONE)],
      [
        'Orders',
        Object.entries(data.orders)
          .map(([end, count]) => `${whole.format(count)} ${end}`)
          .join(', '),
      ],
      ...Object.entries(data.denied).map(([reason, count]) => [
        'Denied',
        `${reason}: ${whole.format(count)}`,
      ]),
      [
        'Work',
        `${whole.format(work.inputs)} inputs in ${plural(work.turns, 'turn')}, ${duration(work.elapsedMs)}`,
      ],
      ['Versions', `Skein ${versions.skein}, Node ${versions.node}`],
    ]
    const list = rows.flatMap(([term, value]) => [
      element('dt', {}, term),
      element('dd', {}, value),
    ])
    return card(
      'How it was made',
      'all that one needs to repeat it',
      element('dl', { class: 'facts' }, ...list),
    )
  }

  function footer() {
    const link = element(
      'a',
      { href: 'https://www.tradingview.com/', rel: 'noopener' },
      'https://www.tradingview.com/',
    )
    return element(
      'footer',
      {},
      element(
        'p',
        {},
        'A round trip goes from flat to flat; it wins where its profit after fees is above zero. Sharpe and Sortino ' +
          `are annualised from daily returns with √${summary.daily.daysPerYear}, a risk-free rate of 0 and the sample ` +
          'standard deviation. Drawdown is measured on every turn, in relation to the peak before it. Exposure is ' +
          'weighted by time, closed hours included. Past results say little about future ones.',
      ),
      element(
        'p',
        {},
        'TradingView Lightweight Charts™, Copyright (c) 2026 TradingView, Inc. ',
        link,
      ),
    )
  }

  // Charts.

  const lightweight = window.LightweightCharts
  const css = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const fade = (colour, share) =>
    colour +
    Math.round(share * 255)
      .toString(16)
      .padStart(2, '0')

  function chartOptions() {
    return {
      autoSize: true,
      layout: {
        background: { color: 'transparent' },
        textColor: css('soft'),
        fontFamily: getComputedStyle(document.body).fontFamily,
        panes: { separatorColor: css('line'), separatorHoverColor: css('line') },
      },
      grid: {
        vertLines: { color: fade(css('line'), 0.5) },
        horzLines: { color: fade(css('line'), 0.5) },
      },
      rightPriceScale: { borderColor: css('line') },
      timeScale: {
        borderColor: css('line'),
        timeVisible: true,
        secondsVisible: false,
        minBarSpacing: 0.02,
      },
    }
  }

  /** Shows all of a chart once it has its size, which the library learns from an observer of its own before. */
  function fitWhenSized(chart, node) {
    const observer = new ResizeObserver(() => {
      chart.timeScale().fitContent()
      observer.disconnect()
    })
    observer.observe(node)
  }

  /** Charts know whole seconds, each once: of several points in one the last counts. */
  function seconds(points) {
    const kept = []
    for (const point of points) {
      const at = Math.floor(point.time / 1_000)
      if (kept.length > 0 && kept.at(-1).time === at) kept.pop()
      kept.push({ ...point, time: at })
    }
    return kept
  }

  function equityChart(node) {
    const { at, equity } = data.curve
    const chart = lightweight.createChart(node, chartOptions())
    const line = chart.addSeries(lightweight.BaselineSeries, {
      baseValue: { type: 'price', price: summary.equityStart },
      lineWidth: 2,
      priceLineVisible: false,
      priceFormat: { type: 'custom', minMove: 0.01, formatter: (value) => whole.format(value) },
    })
    const fall = chart.addSeries(
      lightweight.AreaSeries,
      {
        lineWidth: 1,
        priceLineVisible: false,
        lastValueVisible: false,
        priceFormat: {
          type: 'custom',
          minMove: 0.0001,
          formatter: (value) => `${money(value * 100)}%`,
        },
      },
      1,
    )
    let peak = summary.equityStart
    line.setData(seconds(at.map((time, i) => ({ time, value: equity[i] }))))
    fall.setData(
      seconds(
        at.map((time, i) => {
          peak = Math.max(peak, equity[i])
          return { time, value: peak > 0 ? equity[i] / peak - 1 : 0 }
        }),
      ),
    )
    const [upper, lower] = chart.panes()
    upper.setStretchFactor(3)
    lower.setStretchFactor(1)
    fall.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0.08 } })
    fitWhenSized(chart, node)
    return () => {
      const [up, down] = [css('up'), css('down')]
      chart.applyOptions(chartOptions())
      line.applyOptions({
        topLineColor: up,
        topFillColor1: fade(up, 0.28),
        topFillColor2: fade(up, 0.02),
        bottomLineColor: down,
        bottomFillColor1: fade(down, 0.02),
        bottomFillColor2: fade(down, 0.28),
      })
      fall.applyOptions({
        lineColor: down,
        topColor: fade(down, 0.02),
        bottomColor: fade(down, 0.3),
        invertFilledArea: true,
      })
    }
  }

  /** Undoes `pack` of html.ts. */
  function candlesOf({ bucketMs, tickSize, candles }) {
    const list = []
    let start = 0
    let close = 0
    const places = Math.max(0, Math.ceil(-Math.log10(tickSize) - 1e-9) + 1)
    const price = (ticks) => Number((ticks * tickSize).toFixed(places))
    for (let i = 0; i < candles.length; i += 6) {
      start += candles[i]
      const open = close + candles[i + 1]
      close = open + candles[i + 2]
      list.push({
        time: start * bucketMs,
        open: price(open),
        high: price(Math.max(open, close) + candles[i + 3]),
        low: price(Math.min(open, close) - candles[i + 4]),
        close: price(close),
        volume: candles[i + 5],
      })
    }
    return seconds(list)
  }

  /** Most trips of a symbol whose profit is written beside their exit. */
  const LABELS_MAX = 40

  function candleChart(node) {
    const chart = lightweight.createChart(node, chartOptions())
    const bars = chart.addSeries(lightweight.CandlestickSeries, { priceLineVisible: false })
    const volume = chart.addSeries(lightweight.HistogramSeries, {
      priceScaleId: '',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    })
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } })
    bars.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.2 } })
    const marks = lightweight.createSeriesMarkers(bars, [])
    fitWhenSized(chart, node)
    let current
    let list = []

    function candleTime(at) {
      let [low, high] = [0, list.length - 1]
      while (low < high) {
        const middle = Math.ceil((low + high) / 2)
        if (list[middle].time * 1_000 <= at) low = middle
        else high = middle - 1
      }
      return list[low].time
    }

    function markers() {
      const trips = data.trips.list.filter((trip) => trip.symbol === current.symbol)
      const hasLabels = trips.length <= LABELS_MAX
      return trips
        .flatMap((trip) => {
          const isLong = trip.side === 'long'
          const entry = {
            // A fill at a bar's close belongs to the bar that ended, not to the one that begins.
            time: candleTime(trip.entryAt - 1),
            position: isLong ? 'belowBar' : 'aboveBar',
            shape: isLong ? 'arrowUp' : 'arrowDown',
            color: css('accent'),
          }
          const exit = {
            time: candleTime(trip.exitAt - 1),
            position: isLong ? 'aboveBar' : 'belowBar',
            shape: 'circle',
            color: css(trip.net > 0 ? 'up' : 'down'),
            ...(hasLabels ? { text: signed(trip.net) } : {}),
          }
          return [entry, exit]
        })
        .toSorted((a, b) => a.time - b.time)
    }

    function paint() {
      const [up, down] = [css('up'), css('down')]
      chart.applyOptions(chartOptions())
      bars.applyOptions({
        upColor: up,
        downColor: down,
        borderVisible: false,
        wickUpColor: up,
        wickDownColor: down,
      })
      volume.applyOptions({ color: fade(css('soft'), 0.3) })
      if (current !== undefined && list.length > 0) marks.setMarkers(markers())
    }

    function show(packed) {
      current = packed
      list = candlesOf(packed)
      const precision = Math.max(0, Math.ceil(-Math.log10(packed.tickSize) - 1e-9))
      bars.applyOptions({ priceFormat: { type: 'price', precision, minMove: packed.tickSize } })
      marks.setMarkers([])
      bars.setData(list.map(({ volume: _volume, ...candle }) => candle))
      volume.setData(list.map(({ time, volume }) => ({ time, value: volume })))
      paint()
      chart.timeScale().fitContent()
    }
    return { paint, show }
  }

  // The page.

  const painters = []
  const equityNode = element('div', { class: 'chart', id: 'equity' })
  const candlesNode = element('div', { class: 'chart', id: 'candles' })
  const candlesNote = element('span', { class: 'soft' })
  const chips = element('div', { class: 'chips' })
  const symbolNets = new Map(data.symbols.map((row) => [row.name, row]))
  let pick = () => undefined

  const trips = table({ columns: tripColumns, rows: data.trips.list, sortBy: 0, page: 200 })
  const everything = { name: '', label: `all symbols` }
  const filter = element(
    'select',
    {
      'aria-label': 'Symbol',
      onchange: () =>
        trips.fill(
          data.trips.list.filter((trip) => filter.value === '' || trip.symbol === filter.value),
        ),
    },
    ...[everything, ...data.symbols.map(({ name }) => ({ name, label: name }))].map(
      ({ name, label }) => element('option', { value: name }, label),
    ),
  )
  const tripNote = `${plural(data.trips.list.length, 'trip')} listed${data.trips.unlisted > 0 ? `, ${whole.format(data.trips.unlisted)} more are counted in every number, but not listed here` : ''}`

  const pickRow = (row) => {
    const packed = data.charts.find(({ symbol }) => symbol === row.name)
    if (packed === undefined) return
    pick(packed)
    candlesNode.scrollIntoView({ behavior: 'smooth', block: 'center' })
  }
  const symbolTable = table({
    columns: groupColumns('Symbol'),
    rows: data.symbols,
    sortBy: 4,
    onPick: pickRow,
  })
  const strategyTable = table({
    columns: groupColumns('Strategy'),
    rows: data.strategies,
    sortBy: 4,
  })
  const hasCurve = data.curve.at.length > 0
  const hasCharts = data.charts.length > 0

  const main = element(
    'main',
    {},
    heading(),
    warnings(),
    tiles(),
    hasCurve
      ? card('Equity and drawdown', `${manifest.currency}, time in UTC`, equityNode)
      : undefined,
    hasCharts
      ? element(
          'section',
          { class: 'card' },
          element('div', { class: 'head' }, element('h2', {}, 'Prices and trades'), candlesNote),
          chips,
          candlesNode,
        )
      : undefined,
    data.strategies.length > 0
      ? card('By strategy', 'sorted by a click on a heading', strategyTable.node)
      : undefined,
    data.symbols.length > 0
      ? card('By symbol', hasCharts ? 'a click on a row shows its chart' : '', symbolTable.node)
      : undefined,
    data.trips.list.length > 0 ? card('Round trips', tripNote, filter, trips.node) : undefined,
    facts(),
    footer(),
  )
  document.body.append(main)

  if (hasCurve) painters.push(equityChart(equityNode))
  if (hasCharts) {
    const chart = candleChart(candlesNode)
    painters.push(chart.paint)
    const buttons = data.charts.map((packed) => {
      const net = symbolNets.get(packed.symbol)?.net
      const profit = net === undefined ? undefined : element('i', { class: tone(net) }, signed(net))
      return element(
        'button',
        { class: 'chip', type: 'button', 'aria-pressed': 'false', onclick: () => pick(packed) },
        packed.symbol,
        profit,
      )
    })
    chips.append(...buttons)
    pick = (packed) => {
      const row = symbolNets.get(packed.symbol)
      buttons.forEach((button, i) =>
        button.setAttribute('aria-pressed', String(data.charts[i] === packed)),
      )
      const results =
        row === undefined
          ? 'no trades'
          : `${plural(row.trips, 'round trip')}, net ${signed(row.net)}`
      candlesNote.textContent = `${packed.symbol} · candles of ${duration(packed.bucketMs)} · ${results} · arrows enter, dots exit`
      chart.show(packed)
    }
    // The symbol with the most trips is the one to look at first.
    const tripsOf = ({ symbol }) => symbolNets.get(symbol)?.trips ?? 0
    pick(data.charts.reduce((most, packed) => (tripsOf(packed) > tripsOf(most) ? packed : most)))
  }
  for (const paint of painters) paint()
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const paint of painters) paint()
  })
}
