// How htmx behaves here: form errors are swapped in, and a lost session says so in words.
(function () {
  "use strict";
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  // What could not be loaded is said in words; the bar takes its texts from the page.
  var bar = document.getElementById("said");
  function say(text, link) {
    bar.className = text === bar.dataset.slow ? "notice" : "notice bad";
    bar.textContent = text + " ";
    if (link) {
      var again = document.createElement("a");
      again.href = "/sign-in/?next=" + encodeURIComponent(location.pathname + location.search);
      again.textContent = link;
      bar.append(again);
    }
    bar.hidden = false;
  }
  function polls(part) {
    return (part.getAttribute("hx-trigger") || "").indexOf("every") === 0;
  }
  document.addEventListener("htmx:responseError", function (event) {
    if (event.detail.xhr.status === 401) {
      say(bar.dataset.lost, bar.dataset.again);
    } else {
      say(bar.dataset.failed);
    }
  });
  ["htmx:sendError", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function () {
      say(bar.dataset.failed);
    });
  });
  // A list that takes long says so; an answer takes back what was said before.
  var slow;
  document.addEventListener("htmx:beforeSend", function (event) {
    if (bar && !polls(event.target)) {
      clearTimeout(slow);
      slow = setTimeout(say, 2000, bar.dataset.slow);
    }
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    clearTimeout(slow);
    if (bar && event.detail.successful) {
      bar.hidden = true;
    }
  });
  // A form's empty fields have no place in the address.
  document.addEventListener("htmx:configRequest", function (event) {
    var given = event.detail.parameters;
    if (event.target.matches("form.filters")) {
      Object.keys(given).forEach(function (name) {
        if (given[name] === "") {
          delete given[name];
        }
      });
    }
  });
  // Where what had the focus is gone with the rows, the new rows have it.
  document.addEventListener("htmx:afterSettle", function (event) {
    var rows = document.getElementById("rows");
    if (rows && event.target.id === "list" && document.activeElement === document.body) {
      rows.focus();
    }
  });
  // What refreshes by itself waits while somebody reads or stands inside of it.
  document.addEventListener("htmx:beforeRequest", function (event) {
    var part = event.target;
    var busy = part.querySelector("details[open]") || part.contains(document.activeElement);
    if (polls(part) && busy) {
      event.preventDefault();
    }
  });
  // On a phone a list's filters are folded behind a button, which says how many are set.
  function fold() {
    document.querySelectorAll("form[data-fold]").forEach(function (form) {
      var set = document.querySelectorAll(".chips .chip").length;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "button fold";
      button.textContent = form.dataset.fold + (set ? " " + set : "");
      button.setAttribute("aria-expanded", "false");
      form.classList.add("folded");
      button.addEventListener("click", function () {
        var folded = form.classList.toggle("folded");
        button.setAttribute("aria-expanded", String(!folded));
      });
      form.before(button);
    });
  }
  fold();
  // What pops up goes away with Escape, or when one goes on elsewhere.
  function closeOthers(kept) {
    document.querySelectorAll("details.pop[open]").forEach(function (each) {
      if (!kept || !each.contains(kept)) {
        each.open = false;
      }
    });
  }
  document.addEventListener("click", function (event) {
    closeOthers(event.target);
  });
  document.addEventListener("keydown", function (event) {
    var open = event.key === "Escape" && document.querySelector("details.pop[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      window.print();
    });
  });
  // «/», or ⌘K and Ctrl K anywhere, leads to the search box; arrows lead through what it found.
  document.addEventListener("keydown", function (event) {
    var box = document.getElementById("q");
    var typing = event.target.closest("input,select,textarea,[contenteditable]");
    var everywhere = event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey);
    if (box && ((event.key === "/" && !typing) || everywhere)) {
      event.preventDefault();
      box.focus();
      box.select();
    }
    var found = event.target.closest(".search");
    if (found && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      var stops = [box].concat(Array.from(found.querySelectorAll("#found-live a")));
      var next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      if (stops[next]) {
        event.preventDefault();
        stops[next].focus();
      }
    } else if (found && event.key === "Escape" && document.getElementById("found-live").innerHTML) {
      event.preventDefault();
      document.getElementById("found-live").innerHTML = "";
      box.focus();
    }
  });
  document.addEventListener("focusout", function (event) {
    var found = event.target.closest(".search");
    if (found && event.relatedTarget && !found.contains(event.relatedTarget)) {
      document.getElementById("found-live").innerHTML = "";
    }
  });
  // A look at a row, without leaving the list: beside it, never over it.
  var peek, peekTimer, peekRow;
  function closePeek() {
    clearTimeout(peekTimer);
    peekRow = null;
    if (peek) {
      peek.hidden = true;
    }
  }
  function openPeek(row) {
    var link = row.querySelector("a.row");
    fetch(link.href + "?peek", { credentials: "same-origin" })
      .then(function (answer) {
        return answer.ok && !answer.redirected ? answer.text() : "";
      })
      .catch(function () {
        return "";
      })
      .then(function (html) {
        if (!html || peekRow !== row) {
          return;
        }
        if (!peek) {
          peek = document.createElement("aside");
          peek.className = "peek sheet";
          peek.setAttribute("role", "status");
          document.getElementById("main").append(peek);
          peek.addEventListener("mouseleave", closePeek);
        }
        peek.innerHTML = html;
        peek.hidden = false;
        var place = row.getBoundingClientRect();
        var below = place.bottom + 8 + peek.offsetHeight < window.innerHeight;
        peek.style.top = (below ? place.bottom + 8 : place.top - 8 - peek.offsetHeight) + "px";
      });
  }
  function mayPeek(event) {
    var row = event.target.closest && event.target.closest("table[data-peek] tbody tr");
    if (!row || !window.matchMedia("(min-width:641px) and (hover:hover)").matches) {
      if (peekRow && !(peek && peek.contains(event.target))) {
        closePeek();
      }
    } else if (row !== peekRow) {
      closePeek();
      peekRow = row;
      peekTimer = setTimeout(openPeek, 250, row);
    }
  }
  document.addEventListener("mouseover", mayPeek);
  document.addEventListener("focusin", mayPeek);
  ["scroll", "htmx:beforeSwap"].forEach(function (name) {
    document.addEventListener(name, closePeek, true);
  });
  document.addEventListener("keydown", function (event) {
    if (!peek || peek.hidden || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    var copied = peek.querySelector("[data-copy]");
    if (event.key === "Escape") {
      closePeek();
    } else if (event.target.closest("input,select,textarea")) {
      return;
    } else if (event.key === "c" && copied) {
      navigator.clipboard.writeText(copied.dataset.copy).then(function () {
        copied.textContent = copied.dataset.copied;
      });
    } else if (event.key === "r") {
      location.href = peek.querySelector("[data-receipt]").href;
    } else if (event.key === "Enter" && event.target === document.body && peekRow) {
      peekRow.querySelector("a.row").click();
    }
  });
  document.addEventListener("click", function (event) {
    var copy = event.target.closest("button[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy).then(function () {
        copy.lastChild.textContent = copy.dataset.copied;
      });
    }
  });
  // How long something is still open, second by second.
  setInterval(function () {
    document.querySelectorAll("[data-until]").forEach(function (left) {
      var seconds = Math.max(0, Math.round((new Date(left.dataset.until) - Date.now()) / 1000));
      left.textContent = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
    });
  }, 1000);
  // Filters apply as they are chosen; without this script the button does it.
  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-auto]");
    if (form) {
      form.requestSubmit();
    }
    // One box for all the others of its form.
    var all = event.target.dataset.all;
    if (all) {
      event.target.form.querySelectorAll('input[name="' + all + '"]').forEach(function (box) {
        box.checked = event.target.checked;
      });
    }
  });
})();
