"""From a budget to a small model: the routes that lead there, what each costs, what is known of it.

A route takes a model that exists, quantizes it, fine-tunes it, distils a larger member of its
family into it, or prunes a larger one and distils. Everything is read from cards; what a route
will score is never made up: published or measured scores stand where they are, and what others
reached by the same way is told as evidence. Imports ``compute``, ``catalog``, ``engines``
(memory), ``stats`` and ``architecture``.
"""

from distilbench.forecast.design._design import Design, design
from distilbench.forecast.design._evidence import KnownScore
from distilbench.forecast.design._routes import Route
from distilbench.forecast.design._wish import Wish, price_of_an_hour

__all__ = ["Design", "KnownScore", "Route", "Wish", "design", "price_of_an_hour"]
