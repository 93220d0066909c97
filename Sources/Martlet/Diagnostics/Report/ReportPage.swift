/// The parts of the page that are the same for every run.
enum ReportPage {
  static let style = """

    :root{color-scheme:light dark;--bg:#fff;--ink:#1c2126;--soft:#6a727d;--line:#dfe3e8;--panel:#f5f7f9;--bad:#c03a3a;
    --s1:#5b8fc7;--s2:#c9822b;--s3:#4f9a63}
    @media(prefers-color-scheme:dark){:root{--bg:#15181c;--ink:#e4e7ea;--soft:#949ca6;--line:#30363d;--panel:#1d2126;
    --bad:#f07575;--s1:#7fb0e3;--s2:#e5a95a;--s3:#78c08c}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1240px;padding:20px 24px 60px;background:var(--bg);color:var(--ink);
    font:14px/1.45 system-ui,Helvetica,Arial,sans-serif}
    h1{font-size:22px;margin:0 0 2px}
    h2{font-size:16px;margin:30px 0 8px}
    .note{color:var(--soft);font-size:12.5px;margin:4px 0}
    .cards{display:flex;flex-wrap:wrap;gap:10px;margin-top:12px}
    .cards div{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px 14px;min-width:96px}
    .cards b{display:block;font-size:17px;font-variant-numeric:tabular-nums}
    .cards span{color:var(--soft);font-size:12px}
    .bad,.cards .bad b{color:var(--bad)}
    .failure{border-left:4px solid var(--bad);padding:1px 16px 8px;background:var(--panel);margin-top:20px}
    .failure h2{color:var(--bad);margin-top:10px}
    .failure ol{margin:4px 0 0;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12.5px}
    pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0;max-height:320px;overflow:auto;
    font:12.5px/1.4 ui-monospace,Menlo,Consolas,monospace}
    .scroll{overflow:auto;max-height:86vh}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums;min-width:60%}
    th,td{text-align:right;padding:3px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
    th{font-weight:600;font-size:12px;color:var(--soft)}
    .l{text-align:left}
    td i,.key i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:7px;vertical-align:-1px}
    .bar{display:inline-block;width:110px;height:9px;background:var(--panel);border-radius:2px;overflow:hidden}
    .bar b{display:block;height:100%}
    .key{font-size:12px;font-weight:400;color:var(--soft);margin-left:12px}
    i.s1{background:var(--s1)}i.s2{background:var(--s2)}i.s3{background:var(--s3)}
    .histogram{display:block}
    .chart{width:100%;height:auto;display:block}
    .chart .grid{stroke:var(--line)}
    .chart .tick{fill:var(--soft);font-size:11px}
    .chart .line{fill:none;stroke-width:1.5}
    .chart .area{opacity:.22}
    .line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}
    .area.s1{fill:var(--s1)}.area.s2{fill:var(--s2)}.area.s3{fill:var(--s3)}
    figure{margin:0 0 22px}
    figcaption{font-weight:600;display:inline-block;margin-right:14px}
    label{color:var(--soft);font-size:12.5px}
    figure .scroll{border:1px solid var(--line);border-radius:6px;margin-top:6px}
    figure svg{display:block;max-width:100%;height:auto}
    figure:has(.full:checked) svg{max-width:none}
    .tools{margin:0 0 6px}
    button{font:inherit;min-width:30px;padding:1px 8px;margin-right:5px;border:1px solid var(--line);border-radius:4px;
    background:var(--panel);color:var(--ink);cursor:pointer}
    .canvas{position:relative}
    canvas{display:block;width:100%;border:1px solid var(--line);border-radius:6px;cursor:grab;outline-offset:1px}
    #tip{position:absolute;display:none;pointer-events:none;background:var(--bg);border:1px solid var(--soft);
    border-radius:4px;padding:4px 8px;font-size:12px;white-space:pre;z-index:1}

    """

  /// Draws the timeline. Spans narrower than a pixel are added up: a column is as high as the pixel was busy, in the colour of
  /// the longest of them.
  static let script = #"""

    (function () {
      'use strict';
      const data = JSON.parse(document.getElementById('timeline-data').textContent);
      const canvas = document.querySelector('canvas'), tip = document.getElementById('tip');
      const context = canvas.getContext('2d'), css = name => getComputedStyle(document.body).getPropertyValue(name);
      const rows = data.rows.map(row => {
        const n = row.spans.length / 5, r = {name: row.name, n: n, begin: new Float64Array(n), end: new Float64Array(n),
          label: new Int32Array(n), task: new Int32Array(n), mark: new Int16Array(n)};
        let time = 0;
        for (let k = 0; k < n; k++) {
          const s = row.spans;
          r.label[k] = s[5 * k];
          time += s[5 * k + 1];
          r.begin[k] = time;
          time += s[5 * k + 2];
          r.end[k] = time;
          r.task[k] = s[5 * k + 3];
          r.mark[k] = s[5 * k + 4];
        }
        return r;
      });
      const height = rows.length > 40 ? 12 : rows.length > 12 ? 18 : 26, left = 92, top = 22;
      const wall = Math.max(1, data.wall);
      let from = 0, to = wall, width = 0;

      function time(units) {
        let value = units * data.unit;
        for (const unit of ['ns', 'µs', 'ms']) {
          if (value < 999.5) return (unit === 'ns' ? Math.round(value) : Number(value.toPrecision(3))) + ' ' + unit;
          value /= 1000;
        }
        return Number(value.toPrecision(4)) + ' s';
      }
      // The first span of a row that ends after a time.
      function first(row, at) {
        let low = 0, high = row.n;
        while (low < high) { const middle = (low + high) >> 1; if (row.end[middle] <= at) low = middle + 1; else high = middle; }
        return low;
      }
      function draw() {
        const ratio = window.devicePixelRatio || 1;
        width = canvas.clientWidth;
        const tall = top + rows.length * (height + 3) + 4;
        canvas.style.height = tall + 'px';
        canvas.width = width * ratio;
        canvas.height = tall * ratio;
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, tall);
        const scale = (width - left) / (to - from), ink = css('--soft'), bad = css('--bad');
        context.font = '11px system-ui, Helvetica, Arial, sans-serif';
        context.textBaseline = 'middle';
        let step = Math.pow(10, Math.ceil(Math.log10((to - from) / 8)));
        if (step / (to - from) > 0.24) step /= 2;
        for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
          const x = left + (t - from) * scale;
          context.fillStyle = css('--line');
          context.fillRect(x, top - 4, 1, tall);
          context.fillStyle = ink;
          if (x < width - 40) context.fillText(time(t), x + 3, 10);
        }
        rows.forEach((row, number) => {
          const y = top + number * (height + 3);
          context.fillStyle = css('--panel');
          context.globalAlpha = 0.55;
          context.fillRect(left, y, width - left, height);
          context.globalAlpha = 1;
          context.fillStyle = ink;
          context.fillText(row.name, 8, y + height / 2);
          let pixel = -1, busy = 0, longest = 0, color = 0, failed = false;
          const flush = () => {
            if (pixel < 0) return;
            const h = Math.max(2, height * Math.min(1, busy));
            context.fillStyle = failed ? bad : data.colors[color];
            context.fillRect(left + pixel, y + height - h, 1, h);
            pixel = -1; busy = 0; longest = 0; failed = false;
          };
          for (let k = first(row, from); k < row.n && row.begin[k] < to; k++) {
            const x0 = Math.max(0, (row.begin[k] - from) * scale), x1 = Math.min(width - left, (row.end[k] - from) * scale);
            const share = row.mark[k] < 0 ? 1 : row.mark[k] / 1000;
            if (x1 - x0 < 1) {
              if (Math.floor(x0) !== pixel) { flush(); pixel = Math.floor(x0); }
              busy += (x1 - x0) * share;
              if (x1 - x0 >= longest) { longest = x1 - x0; color = row.label[k]; }
              failed = failed || row.mark[k] < 0;
              continue;
            }
            flush();
            const gap = x1 - x0 > 4 ? 0.7 : 0, h = Math.max(2, height * share);
            context.fillStyle = data.colors[row.label[k]];
            context.fillRect(left + x0, y + height - h, x1 - x0 - gap, h);
            if (row.mark[k] < 0) {
              context.strokeStyle = bad;
              context.lineWidth = 3;
              context.strokeRect(left + x0 + 1.5, y + 1.5, Math.max(1, x1 - x0 - 3), height - 3);
            }
            if (x1 - x0 > 40 && height > 14 && row.task[k] >= 0) {
              context.save();
              context.beginPath();
              context.rect(left + x0, y, x1 - x0 - 3, height);
              context.clip();
              context.fillStyle = '#16191d';
              context.fillText(data.labels[row.label[k]], left + x0 + 4, y + height / 2 + 0.5);
              context.restore();
            }
          }
          flush();
        });
      }
      function show(begin, end) {
        const span = Math.min(wall, Math.max(end - begin, Math.min(wall, 20)));
        from = Math.max(0, Math.min(begin, wall - span));
        to = from + span;
        requestAnimationFrame(draw);
      }
      function zoom(factor, x) {
        const at = from + (to - from) * Math.min(1, Math.max(0, (x === undefined ? 0.5 : (x - left) / (width - left))));
        show(at - (at - from) * factor, at + (to - at) * factor);
      }
      document.getElementById('zoom-in').onclick = () => zoom(0.5);
      document.getElementById('zoom-out').onclick = () => zoom(2);
      document.getElementById('zoom-all').onclick = () => show(0, wall);
      canvas.ondblclick = event => zoom(0.33, event.offsetX);
      canvas.addEventListener('wheel', event => {
        if (!event.ctrlKey && !event.shiftKey && !event.metaKey) return;
        event.preventDefault();
        zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, event.offsetX);
      }, {passive: false});
      canvas.onkeydown = event => {
        const part = (to - from) / 5;
        switch (event.key) {
          case '+': zoom(0.5); break;
          case '-': zoom(2); break;
          case '0': show(0, wall); break;
          case 'ArrowLeft': show(from - part, to - part); break;
          case 'ArrowRight': show(from + part, to + part); break;
          default: return;
        }
        event.preventDefault();
      };
      let drag = null;
      canvas.onpointerdown = event => {
        drag = {x: event.offsetX, from: from, to: to};
        canvas.setPointerCapture(event.pointerId);
      };
      canvas.onpointerup = () => { drag = null; };
      canvas.onpointerleave = () => { tip.style.display = 'none'; };
      canvas.onpointermove = event => {
        if (drag) {
          const moved = (drag.x - event.offsetX) / (width - left) * (drag.to - drag.from);
          show(drag.from + moved, drag.to + moved);
          tip.style.display = 'none';
          return;
        }
        const number = Math.floor((event.offsetY - top) / (height + 3)), row = rows[number];
        const per = (to - from) / (width - left), at = from + (event.offsetX - left) * per;
        let k = row && event.offsetX >= left ? first(row, at - per) : -1;
        if (k < 0 || k >= row.n || row.begin[k] > at + per) { tip.style.display = 'none'; return; }
        const block = row.task[k] < 0;
        tip.textContent = block
          ? -row.task[k] + ' tasks, mostly ' + data.labels[row.label[k]] + '\n' + row.mark[k] / 10 + '% busy for '
            + time(row.end[k] - row.begin[k])
          : data.labels[row.label[k]] + ' #' + row.task[k] + (row.mark[k] < 0 ? '  failed' : '') + '\n'
            + time(row.end[k] - row.begin[k]);
        tip.textContent += ', at ' + time(row.begin[k]);
        tip.style.display = 'block';
        tip.style.left = Math.min(event.offsetX + 14, width - tip.offsetWidth - 4) + 'px';
        tip.style.top = event.offsetY + 16 + 'px';
      };
      window.addEventListener('resize', draw);
      window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
      draw();
    })();

    """#
}
